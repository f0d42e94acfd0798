cd /etc/apache2/sites-enabled
mv zz_default.conf 000-default.conf
apachectl configtest
s6-svc -1 /run/service/apache2
