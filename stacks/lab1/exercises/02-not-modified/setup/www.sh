# Somebody has switched off all caching: no ETag, no dates, nothing kept.
site=/etc/nginx/sites-enabled/www.conf
sed -i \
    -e 's/^\( *\)etag on;/\1etag off;\n\1if_modified_since off;/' \
    -e 's/^\( *\)expires -1;/\1add_header Cache-Control "no-store";/' "$site"
grep -q no-store "$site"
nginx -t -q -e /dev/stderr
s6-svc -h /run/service/nginx
