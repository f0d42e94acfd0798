for zone in $(find /etc/bind/zones -name "db.$DOMAIN"); do
    serial=$(sed -n 's/.* IN SOA .* ( \([0-9]*\) .*/\1/p' "$zone")
    sed -i -e '/^shop /d' -e "s/ ( $serial / ( $((serial + 1)) /" "$zone"
done
rndc reload
