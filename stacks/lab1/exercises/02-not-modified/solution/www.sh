site=/etc/nginx/sites-enabled/www.conf
sed -i \
    -e 's/^\( *\)etag off;/\1etag on;/' \
    -e 's/^\( *\)if_modified_since off;/\1if_modified_since before;/' \
    -e 's/^\( *\)add_header Cache-Control "no-store";/\1expires -1;\n\1location \/images\/ {\n\1    expires 1d;\n\1}/' "$site"
nginx -t -q -e /dev/stderr
s6-svc -h /run/service/nginx
