"""An echo by WebSocket (RFC 6455), and a page that shows what the server in front has added."""

import asyncio
import html
import os

import tornado.web
import tornado.websocket

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Echo</title>
<style>
:root { color-scheme: light dark; }
body { margin: 0 auto; padding: 1rem 1.25rem; max-width: 46rem; font: 1.05rem/1.6 system-ui, sans-serif; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; }
</style>
</head>
<body>
<main>
<h1>What came to me</h1>
<p>Your request, as the server in front has passed it on:</p>
<pre tabindex="0" role="region" aria-label="Request">%s</pre>
</main>
</body>
</html>
"""


class Page(tornado.web.RequestHandler):
    """The request, as text."""

    def get(self):
        lines = [f"{self.request.method} {self.request.uri} {self.request.version}"]
        lines += [f"{name}: {value}" for name, value in self.request.headers.get_all()]
        self.finish(PAGE % html.escape("\n".join(lines)))


class Echo(tornado.websocket.WebSocketHandler):
    """Each message comes back."""

    async def on_message(self, message):
        await self.write_message(message, binary=isinstance(message, bytes))


async def main():
    application = tornado.web.Application([("/", Page), ("/ws", Echo)])
    application.listen(int(os.environ["PORT"]), os.environ["HOST"], xheaders=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
