tar -xpf /var/lib/labctl/tree.tar -C / etc/apache2/apache2.conf
s6-svc -1 /run/service/apache2
