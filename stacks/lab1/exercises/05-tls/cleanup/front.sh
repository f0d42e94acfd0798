rm -f /etc/nginx/sites-enabled/shop.conf /etc/ssl/labctl/shop.pem /etc/ssl/private/shop.key /root/shop.csr
rm -rf /var/www/shop
s6-svc -h /run/service/nginx
