# The site's name has the address of the others.
for zone in $(find /etc/bind/zones -name "db.$DOMAIN"); do
    grep -q '^shop ' "$zone" && continue
    serial=$(sed -n 's/.* IN SOA .* ( \([0-9]*\) .*/\1/p' "$zone")
    address=$(awk '$1 == "www" && $4 == "A" { print $5 }' "$zone")
    sed -i "s/ ( $serial / ( $((serial + 1)) /" "$zone"
    echo "shop 300 IN A $address" >>"$zone"
done
check-zones
rndc reload
