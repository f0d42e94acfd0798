"""A chat in which the server speaks first: WebSocket, server-sent events, and long polling.

    GET  /ws?room=R&name=N&since=I      WebSocket (RFC 6455): both sides speak at any time
    GET  /events?room=R&name=N          server-sent events: one answer that never ends
    GET  /poll?room=R&since=I           long polling: an answer as soon as there is something
    POST /say  {"room", "name", "text"} how the last two speak

Everybody gets JSON objects, whose "type" is welcome, message (with "id", "from", "text"), presence
(who came or went), time (the server's clock, without being asked) or error. Who comes back says
the last "id" that they have seen, and gets what they missed.
"""

import asyncio
import json
import logging
import os
import signal
import urllib.parse

import tornado.iostream
import tornado.web
import tornado.websocket

from rooms import MAX_TEXT, Full, Member, room_called, rooms, text_of

TICK = 5  # seconds between two pushes of the time
PATIENCE = 25  # seconds that a poll waits: less than any proxy's patience
MAX_MESSAGE = 8192  # bytes
# Tornado cuts the connection of whoever sends more than this, with bytes on it that nobody has
# read: the reset may overtake the close frame. So it reads a little more than is taken.
LIMITS = {"websocket_max_message_size": 8 * MAX_MESSAGE, "websocket_ping_interval": 30}
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
PROVOKE = os.environ.get("PROVOKE") == "1"
# how a program that knows nothing of this chat can use it: see `labctl experiment push`
WAYS = {"websocket": "/ws?room={room}&name={name}", "events": "/events?room={room}&name={name}",
        "poll": "/poll?room={room}&since={since}", "say": "/say"}


class Asks(tornado.web.RequestHandler):
    """What all handlers have in common: the room and the name in the query."""

    def prepare(self):
        self.start = self.since()
        try:
            self.room = room_called(self.wanted())
        except ValueError as wrong:
            raise tornado.web.HTTPError(400, str(wrong)) from None
        except Full:
            raise tornado.web.HTTPError(503, "too many rooms") from None

    def wanted(self):
        return self.get_query_argument("room", "lobby")

    def since(self):
        said = self.request.headers.get("Last-Event-ID") or self.get_query_argument("since", "0")
        if not said.isdecimal() or len(said) > 15:
            raise tornado.web.HTTPError(400, "since is a number")
        return int(said)


class Chat(Asks, tornado.websocket.WebSocketHandler):
    """One client's WebSocket, with its four events: open, message, close, and (here) failure."""

    member = sender = None

    def check_origin(self, origin):
        """Only this host's pages may connect: a browser says where a page is from (10.2)."""
        return urllib.parse.urlsplit(origin).hostname == self.request.host_name.lower()

    def open(self):
        member = Member(self.get_query_argument("name", ""), self.too_slow)
        try:
            self.room.enter(member, self.start)
        except Full:
            self.close(1013, "full, try again later")
            return
        self.member = member
        self.sender = asyncio.create_task(self.send_waiting())

    async def send_waiting(self):
        """Send what waits, as fast as the client takes it."""
        try:
            while True:
                _, text = await self.member.waiting.get()
                await self.write_message(text)
        except tornado.websocket.WebSocketClosedError:
            pass  # on_close follows

    def too_slow(self):
        """Nobody waits for a slow client. They are told, should they still listen."""
        logging.warning("%s is too slow", self.member.name)
        self.close(1013, "too slow")
        asyncio.get_running_loop().call_soon(self.on_close)

    def on_message(self, message):
        if self.member is None:
            return
        try:
            self.take(message)
        except Exception:
            logging.exception("a message could not be handled")
            self.close(1011, "the server failed")

    def take(self, message):
        if len(message.encode() if isinstance(message, str) else message) > MAX_MESSAGE:
            self.close(1009, "message too big")
            return
        try:
            sent = json.loads(message)
        except (ValueError, RecursionError):
            sent = message  # a plain line
        text = text_of(sent if isinstance(sent, dict) else message)
        if not self.member.may_speak():
            self.close(1008, "too fast")
        elif text is None:
            self.write_message(json.dumps({"type": "error", "text": f"1 to {MAX_TEXT} characters"}))
        elif PROVOKE and text.split()[0] in ENDS:
            ENDS[text.split()[0]](self)
        else:
            self.room.say(self.member.name, text)

    def on_close(self):
        member, self.member = self.member, None
        if member is not None:
            self.sender.cancel()
            self.room.leave(member)


def fail(_chat):
    raise RuntimeError("provoked")


ENDS = {
    "/close": lambda chat: chat.close(1000, "as you wish"),
    "/away": lambda chat: chat.close(1001, "going away, as you wish"),
    "/fail": fail,
    "/cut": lambda chat: chat.ws_connection.stream.close(),  # no close frame: 1006 at the client
}


class Events(Asks):
    """Server-sent events (HTML Living Standard, section 9.2): an answer that does not end."""

    async def get(self):
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")  # to nginx: hand each event on at once
        self.gone = asyncio.Event()
        member = Member(self.get_query_argument("name", ""), self.gone.set)
        try:
            self.room.enter(member, self.start)
        except Full:
            raise tornado.web.HTTPError(503, "full, try again later") from None
        try:
            await self.send(member)
        except tornado.iostream.StreamClosedError:
            pass
        finally:
            self.room.leave(member)

    async def send(self, member):
        self.write("retry: 1000\n\n")
        await self.flush()
        ending = asyncio.ensure_future(self.gone.wait())
        while not self.gone.is_set():
            next_one = asyncio.ensure_future(member.waiting.get())
            await asyncio.wait({next_one, ending}, return_when=asyncio.FIRST_COMPLETED)
            if not next_one.done():
                next_one.cancel()
                break
            number, text = next_one.result()
            self.write((f"id: {number}\n" if number else "") + f"data: {text}\n\n")
            await self.flush()
        ending.cancel()

    def on_connection_close(self):
        self.gone.set()


class Poll(Asks):
    """Long polling: the question waits until there is an answer, then the next one is asked."""

    async def get(self):
        since = self.start
        wait = PATIENCE if self.get_query_argument("wait", "1") == "1" else 0
        if not self.room.since(since) and wait:
            self.gone = asyncio.ensure_future(self.until_said(since))
            await asyncio.wait({self.gone}, timeout=wait)
            self.gone.cancel()
        found = self.room.since(since)
        self.set_header("Cache-Control", "no-store")
        self.write({"messages": found, "since": found[-1]["id"] if found else since})

    async def until_said(self, since):
        async with self.room.said:
            await self.room.said.wait_for(lambda: self.room.since(since))

    def on_connection_close(self):
        if hasattr(self, "gone"):
            self.gone.cancel()


class Say(Asks):
    """A message of somebody who cannot speak on the connection that they listen on."""

    def wanted(self):
        origin = self.request.headers.get("Origin", "")
        if origin and urllib.parse.urlsplit(origin).hostname != self.request.host_name.lower():
            raise tornado.web.HTTPError(403, "another site's page")
        try:
            self.sent = json.loads(self.request.body)
        except (ValueError, RecursionError):
            raise tornado.web.HTTPError(400, "no JSON") from None
        room = self.sent.get("room", "lobby") if isinstance(self.sent, dict) else None
        if not isinstance(room, str):
            raise tornado.web.HTTPError(400, "an object with room, name and text")
        return room

    def post(self):
        text, name = text_of(self.sent), self.sent.get("name")
        if text is None:
            raise tornado.web.HTTPError(400, f"1 to {MAX_TEXT} characters, please")
        self.write(self.room.say(name[:30] if isinstance(name, str) and name else "guest", text))


class Ways(tornado.web.RequestHandler):
    def get(self):
        self.write(WAYS)


async def main():
    files = {"path": PAGE, "default_filename": "index.html"}
    application = tornado.web.Application(
        [(r"/ws", Chat), (r"/events", Events), (r"/poll", Poll), (r"/say", Say),
         (r"/push\.json", Ways), (r"/(|chat\.js|chat\.css)", tornado.web.StaticFileHandler, files)],
        **LIMITS,
    )
    host, port = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))
    server = application.listen(port, host, max_buffer_size=2**20, max_body_size=MAX_MESSAGE)
    stop = asyncio.Event()
    stopping = asyncio.create_task(stop.wait())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    while not stop.is_set():
        for room in list(rooms.values()):
            room.tell("time")
        await asyncio.wait([stopping], timeout=TICK)
    server.stop()
    await say_goodbye()


async def say_goodbye():
    """Going away (RFC 6455 section 7.4.1); events and polls just end, and clients come back."""
    members = [member for room in rooms.values() for member in room.members]
    chats = [m.dropped.__self__ for m in members if isinstance(m.dropped.__self__, Chat)]
    for chat in chats:
        chat.close(1001, "the server goes down")
    for member in members:
        if not isinstance(member.dropped.__self__, Chat):
            member.dropped()
    waiting = [chat.sender for chat in chats if chat.sender]
    if waiting:
        await asyncio.wait(waiting, timeout=2)


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("tornado.access").setLevel(logging.WARNING)
    asyncio.run(main())
