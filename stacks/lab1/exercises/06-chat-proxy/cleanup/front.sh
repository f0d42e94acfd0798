tar -xpf /var/lib/labctl/tree.tar -C / etc/nginx/sites-enabled/chat.conf
s6-svc -h /run/service/nginx
