rm -rf /root/ca
