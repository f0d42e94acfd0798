tar -xpf /var/lib/labctl/tree.tar -C / etc/postfix/main.cf etc/postfix/aliases
postfix reload
