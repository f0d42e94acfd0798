certbot certonly --webroot -w /var/lib/acme -d "shop.$DOMAIN" \
    --deploy-hook 's6-svc -h /run/service/nginx'
cat >/etc/nginx/sites-enabled/tls.conf <<END
server {
    listen 443 ssl;
    server_name shop.$DOMAIN;
    ssl_certificate /etc/letsencrypt/live/shop.$DOMAIN/fullchain.pem;
    ssl_certificate_key /etc/letsencrypt/live/shop.$DOMAIN/privkey.pem;
    root /var/www/shop;
}
END
grep -q 'return 308' /etc/nginx/sites-enabled/shop.conf ||
    sed -i 's|^    root /var/www/shop;|    location / { return 308 https://$host$request_uri; }|' \
        /etc/nginx/sites-enabled/shop.conf
nginx -t -q -e /dev/stderr
s6-svc -h /run/service/nginx
