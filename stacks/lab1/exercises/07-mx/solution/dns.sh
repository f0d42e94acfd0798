for zone in $(find /etc/bind/zones -name "db.$DOMAIN"); do
    serial=$(sed -n 's/.* IN SOA .* ( \([0-9]*\) .*/\1/p' "$zone")
    sed -i "s/ ( $serial / ( $((serial + 1)) /" "$zone"
    cat >>"$zone" <<'END'

; The mail domain post
post        300 IN MX  10 mail
post        300 IN TXT "v=spf1 mx -all"
_dmarc.post 300 IN TXT "v=DMARC1; p=reject"
END
done
check-zones
rndc reload
