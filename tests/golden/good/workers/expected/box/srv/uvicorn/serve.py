"""The handler as ASGI has it: uvicorn calls it in the event loop of each of its processes."""

import handler


async def application(scope, receive, send):
    query = scope["query_string"].decode("latin-1")
    body = await handler.answer_async(f"{scope['path']}?{query}")
    head = [
        (b"content-type", handler.TYPE.encode()),
        (b"content-length", str(len(body or b"")).encode()),
    ]
    status = 404 if body is None else 200
    await send({"type": "http.response.start", "status": status, "headers": head})
    await send({"type": "http.response.body", "body": body or b""})
