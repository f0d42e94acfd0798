tar -xpf /var/lib/labctl/tree.tar -C / srv/handler/handler_server.py
s6-svc -r /run/service/program-handler
