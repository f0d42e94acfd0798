"""Says back what it gets, as it was: text as text, bytes as bytes. For looking at frames."""

import asyncio
import os

import tornado.web
import tornado.websocket


class Echo(tornado.websocket.WebSocketHandler):
    def check_origin(self, origin):
        return True  # there is nothing here that anybody could be made to give away

    async def on_message(self, message):
        await self.write_message(message, binary=isinstance(message, bytes))


class First(tornado.web.RequestHandler):
    def get(self):
        self.write("A WebSocket that says back what it gets: /ws\n")
        self.set_header("Content-Type", "text/plain; charset=utf-8")


async def main():
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
    application = tornado.web.Application([(r"/", First), (r"/ws", Echo)],
                                          websocket_max_message_size=2**20)
    application.listen(port, host)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
