tar -xpf /var/lib/labctl/tree.tar -C / etc/nginx/nginx.conf
s6-svc -h /run/service/nginx
