s6-svc -r /run/service/workers-asyncio
