sed -i 's/^\( *\)proxy_set_header Connection "";/\1proxy_set_header Upgrade $http_upgrade;\n\1proxy_set_header Connection $connection_upgrade;/' \
    /etc/nginx/sites-enabled/chat.conf
nginx -t -q -e /dev/stderr
s6-svc -h /run/service/nginx
