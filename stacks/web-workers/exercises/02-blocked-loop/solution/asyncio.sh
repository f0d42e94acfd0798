# The handler that comes with the lab: stacks/web-workers/handler/handler.py.
tar -xpf /var/lib/labctl/tree.tar -C / srv/asyncio/handler.py
s6-svc -r /run/service/workers-asyncio
