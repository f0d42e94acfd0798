tar -xpf /var/lib/labctl/tree.tar -C / srv/raw/raw_server.py
s6-svc -r /run/service/program-raw
