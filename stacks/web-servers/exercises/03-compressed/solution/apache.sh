printf '%s\n' 'RequestHeader edit* If-None-Match "-gzip\"" "\""' >>/etc/apache2/apache2.conf
apachectl configtest
s6-svc -1 /run/service/apache2
