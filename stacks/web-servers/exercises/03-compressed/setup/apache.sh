# As Apache is without further words: it does not know its own ETag again.
sed -i '/^RequestHeader edit\* If-None-Match /d' /etc/apache2/apache2.conf
apachectl configtest
s6-svc -1 /run/service/apache2
