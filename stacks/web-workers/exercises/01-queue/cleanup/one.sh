tar -xpf /var/lib/labctl/tree.tar -C / srv/one/serve.py
s6-svc -r /run/service/workers-one
