# One letter too many in a name, and the default put aside "for a moment".
cd /etc/nginx/sites-enabled
sed -i "s/server_name www\.$DOMAIN /server_name wwww.$DOMAIN /" www.conf
grep -q wwww www.conf
if [ -e 00_default.conf ]; then mv 00_default.conf 00_default.conf.bak; fi
nginx -t -q -e /dev/stderr
s6-svc -h /run/service/nginx
