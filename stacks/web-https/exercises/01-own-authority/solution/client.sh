umask 077
mkdir -p /root/ca
cd /root/ca

key() {
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.key"
}
signed() { # NAME SUBJECT SIGNER EXTENSION…
    name=$1 subject=$2 signer=$3
    shift 3
    key "$name"
    openssl req -new -key "$name.key" -subj "$subject" -out "$name.csr"
    printf '%s\n' "$@" subjectKeyIdentifier=hash authorityKeyIdentifier=keyid >"$name.ext"
    openssl x509 -req -in "$name.csr" -CA "$signer.pem" -CAkey "$signer.key" \
        -days 90 -extfile "$name.ext" -out "$name.pem"
}

key root
openssl req -x509 -new -key root.key -days 3650 -subj "/CN=My root" -out root.pem \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
signed middle "/CN=My intermediate" root \
    basicConstraints=critical,CA:TRUE,pathlen:0 keyUsage=critical,keyCertSign,cRLSign
for host in desk old; do
    signed $host "/CN=$host.$DOMAIN" middle basicConstraints=critical,CA:FALSE \
        keyUsage=critical,digitalSignature extendedKeyUsage=serverAuth \
        "subjectAltName=DNS:$host.$DOMAIN"
done

cat >ca.cnf <<END
[ca]
default_ca = mine
[mine]
database = /root/ca/index.txt
crlnumber = /root/ca/crlnumber
default_md = sha256
default_crl_days = 30
END
: >index.txt
echo 01 >crlnumber
openssl ca -config ca.cnf -keyfile middle.key -cert middle.pem -revoke old.pem
openssl ca -config ca.cnf -keyfile middle.key -cert middle.pem -gencrl -out middle.crl
