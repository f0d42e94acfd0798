cd /etc/nginx/sites-enabled
mv 00_default.conf.bak 00_default.conf
sed -i "s/server_name wwww\./server_name www./" www.conf
nginx -t -q -e /dev/stderr
s6-svc -h /run/service/nginx
