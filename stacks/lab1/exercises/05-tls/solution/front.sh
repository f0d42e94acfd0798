umask 077
openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out /etc/ssl/private/shop.key
openssl req -new -key /etc/ssl/private/shop.key -subj "/CN=shop.$DOMAIN" \
    -addext "subjectAltName=DNS:shop.$DOMAIN" -out /root/shop.csr
