rm -f /etc/nginx/sites-enabled/00_default.conf.bak
tar -xpf /var/lib/labctl/tree.tar -C / etc/nginx/sites-enabled/00_default.conf etc/nginx/sites-enabled/www.conf
s6-svc -h /run/service/nginx
