postconf -e "virtual_alias_domains = post.$DOMAIN"
echo "hello@post.$DOMAIN alice@$DOMAIN" >>/etc/postfix/aliases
postfix check
postfix reload
