rm -f /etc/nginx/sites-enabled/tls.conf
rm -rf /etc/letsencrypt/live /etc/letsencrypt/archive /etc/letsencrypt/renewal
tar -xpf /var/lib/labctl/tree.tar -C / etc/nginx/sites-enabled/shop.conf
nginx -t -q -e /dev/stderr
s6-svc -h /run/service/nginx
