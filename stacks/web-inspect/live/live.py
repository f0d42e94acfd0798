"""Something to look at: a form with a password, a cookie, and a WebSocket that pushes the time."""

import asyncio
import datetime
import json
import os
import secrets
import signal
import urllib.parse

import tornado.web
import tornado.websocket

TICK = 2  # seconds
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
listeners = set()
sessions = {}  # by the cookie's value: who it is
MAX_SESSIONS = 1000


class First(tornado.web.RequestHandler):
    """The page, with the name of whoever is logged in."""

    def get(self):
        name = sessions.get(self.get_cookie("session", ""))
        self.render("index.html", name=name)


class Login(tornado.web.RequestHandler):
    """Any name and any password will do: this is about what is seen of them on the way."""

    def post(self):
        name = self.get_body_argument("name")[:30]
        value = secrets.token_hex(8)
        if len(sessions) >= MAX_SESSIONS:
            del sessions[next(iter(sessions))]
        sessions[value] = name
        self.set_cookie("session", value, httponly=True, samesite="Lax", max_age=3600)
        self.redirect("/", status=303)  # see other: the browser GETs it, and a reload posts nothing


class Clock(tornado.websocket.WebSocketHandler):
    """Says the time to everybody, asked or not; says back what it is told."""

    def check_origin(self, origin):
        return urllib.parse.urlsplit(origin).hostname == self.request.host_name.lower()

    def open(self):
        listeners.add(self)

    def on_message(self, message):
        if isinstance(message, str):
            self.write_message(json.dumps({"type": "echo", "text": message}))
        else:
            self.close(1003, "text only")

    def on_close(self):
        listeners.discard(self)


async def main():
    application = tornado.web.Application(
        [(r"/", First), (r"/login", Login), (r"/ws", Clock),
         (r"/(live\.js|live\.css)", tornado.web.StaticFileHandler, {"path": PAGE})],
        template_path=PAGE, websocket_max_message_size=4096, websocket_ping_interval=30,
    )
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
    application.listen(port, host, max_buffer_size=64 * 1024)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    stopping = asyncio.create_task(stop.wait())
    while not stop.is_set():
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        for listener in list(listeners):
            try:
                listener.write_message(json.dumps({"type": "time", "time": now}))
            except tornado.websocket.WebSocketClosedError:
                listeners.discard(listener)
        await asyncio.wait([stopping], timeout=TICK)
    for listener in list(listeners):
        listener.close(1001, "the server goes down")


if __name__ == "__main__":
    asyncio.run(main())
