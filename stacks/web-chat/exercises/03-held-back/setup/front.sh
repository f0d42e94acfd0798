# Somebody has the front compress "everything that is text".
sed -i 's|gzip_types |&text/event-stream |' /etc/nginx/nginx.conf
grep -q 'gzip_types text/event-stream' /etc/nginx/nginx.conf
s6-svc -h /run/service/nginx
