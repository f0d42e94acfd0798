# Somebody has tidied up: header fields that "no other site has" are gone.
site=/etc/nginx/sites-enabled/chat.conf
sed -i \
    -e '/proxy_set_header Upgrade /d' \
    -e '/# a WebSocket begins as/d' \
    -e 's/proxy_set_header Connection .*/proxy_set_header Connection "";/' "$site"
if grep -qi upgrade "$site"; then exit 1; fi
nginx -t -q -e /dev/stderr
s6-svc -h /run/service/nginx
