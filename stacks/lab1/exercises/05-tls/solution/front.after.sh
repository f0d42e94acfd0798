cat >/etc/nginx/sites-enabled/shop.conf <<END
server {
    listen 80;
    server_name shop.$DOMAIN;
    return 308 https://\$host\$request_uri;
}

server {
    listen 443 ssl;
    server_name shop.$DOMAIN;
    ssl_certificate /etc/ssl/labctl/shop.pem;
    ssl_certificate_key /etc/ssl/private/shop.key;
    root /var/www/shop;
}
END
nginx -t -q -e /dev/stderr
s6-svc -h /run/service/nginx
