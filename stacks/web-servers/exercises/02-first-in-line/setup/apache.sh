# Somebody "sorted" the files: the one that refuses strangers is read last.
cd /etc/apache2/sites-enabled
mv 000-default.conf zz_default.conf
apachectl configtest
s6-svc -1 /run/service/apache2
