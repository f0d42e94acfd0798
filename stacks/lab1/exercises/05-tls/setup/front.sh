cat >/etc/nginx/sites-enabled/shop.conf <<END
# The shop. Nobody has thought of TLS yet.
server {
    listen 80;
    server_name shop.$DOMAIN;
    root /var/www/shop;
}
END
nginx -t -q -e /dev/stderr
s6-svc -h /run/service/nginx
