tar -xpf /var/lib/labctl/tree.tar -C / srv/asyncio/handler.py
s6-svc -r /run/service/workers-asyncio
