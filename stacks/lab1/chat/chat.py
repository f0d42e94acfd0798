"""A chat server: WebSocket (RFC 6455) with Tornado.

A client opens /ws?room=NAME (or /ws/NAME); both sides may then speak at any time. It sends lines
of text, or JSON objects with the key "text". It gets JSON objects, whose "type" is
  welcome   once, first: its own name, the room's last messages
  message   somebody said something: "from", "text"
  presence  somebody came or went: "members" are the names of all who are there
  time      the server's clock, every few seconds, without being asked: server push
  error     the last message was not taken, and why
"""

import asyncio
import collections
import contextlib
import datetime
import itertools
import json
import os
import re
import signal
import urllib.parse

import tornado.web
import tornado.websocket

HISTORY = 50  # messages that a newcomer gets
MAX_ROOMS, MAX_CLIENTS = 100, 500
MAX_TEXT = 1000  # characters of one message
LIMITS = {"websocket_max_message_size": 8192, "websocket_ping_interval": 30}  # bytes, seconds
MAX_WAITING = 100  # messages that a slow client has not taken yet
TICK = 20  # seconds between two pushes of the time
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")


class Room:
    """Who is in a room, and what was last said there."""

    def __init__(self):
        self.members = {}  # a dict keeps the order in which they came
        self.history = collections.deque(maxlen=HISTORY)

    def send(self, kind, **message):
        time = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
        message = {"type": kind, "time": time, **message}
        text = json.dumps(message)
        for member in self.members:
            member.push(text)
        return message

    def changed(self):
        self.send("presence", members=[member.name for member in self.members])


rooms = {}
numbers = itertools.count(1)


def room_called(name):
    """The room, made when it is new; None when there are too many and none is empty."""
    if name not in rooms and len(rooms) >= MAX_ROOMS:
        empty = next((old for old, room in rooms.items() if not room.members), None)
        if empty is None:
            return None
        del rooms[empty]
    rooms[name] = rooms.pop(name, None) or Room()  # the last entered is the last to be forgotten
    return rooms[name]


class Chat(tornado.websocket.WebSocketHandler):
    """One client's connection."""

    room = None

    def check_origin(self, origin):
        """Only this host's pages may connect: a browser says where a page is from (10.2)."""
        return urllib.parse.urlsplit(origin).hostname == self.request.host_name.lower()

    def prepare(self):
        self.room_name = self.path_args[0] or self.get_query_argument("room", "lobby")
        if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", self.room_name):
            raise tornado.web.HTTPError(400, "a room is named by a-z, 0-9 and -")

    def open(self, _room):
        clients = sum(len(room.members) for room in rooms.values())
        room = room_called(self.room_name) if clients < MAX_CLIENTS else None
        if room is None:
            return self.close(1013, "full, try again later")
        self.name = self.get_query_argument("name", "")[:30] or f"guest-{next(numbers)}"
        self.waiting = asyncio.Queue(MAX_WAITING)
        self.sender = asyncio.create_task(self.send_waiting())
        self.room = room
        room.members[self] = None
        welcome = {"type": "welcome", "room": self.room_name, "name": self.name}
        self.push(json.dumps({**welcome, "history": list(room.history)}))
        room.changed()

    def push(self, text):
        """Send when the client takes it; one that does not is closed, not waited for."""
        try:
            self.waiting.put_nowait(text)
        except asyncio.QueueFull:
            self.close(1013, "too slow")
            asyncio.get_running_loop().call_soon(self.on_close)

    async def send_waiting(self):
        with contextlib.suppress(tornado.websocket.WebSocketClosedError):  # on_close follows
            while True:
                await self.write_message(await self.waiting.get())

    def on_message(self, message):
        if self.room is None:
            return
        try:
            sent = json.loads(message)
        except (ValueError, RecursionError):
            sent = None  # a plain line
        text = sent.get("text") if isinstance(sent, dict) else message
        if not isinstance(text, str) or not 0 < len(text.strip()) <= MAX_TEXT:
            self.push(json.dumps({"type": "error", "text": f"1 to {MAX_TEXT} characters, please"}))
            return
        said = self.room.send("message", text=text, **{"from": self.name})
        self.room.history.append(said)

    def on_close(self):
        room, self.room = self.room, None
        if room is not None:
            del room.members[self]
            self.sender.cancel()
            room.changed()


async def main():
    files = {"path": PAGE, "default_filename": "index.html"}
    page = (r"/(|chat\.js|chat\.css)", tornado.web.StaticFileHandler, files)
    application = tornado.web.Application([(r"/ws(?:/([^/]*))?", Chat), page], **LIMITS)
    server = application.listen(
        int(os.environ.get("PORT", "8000")), os.environ.get("HOST", "127.0.0.1")
    )
    stop = asyncio.Event()
    stopping = asyncio.create_task(stop.wait())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    while not stop.is_set():
        for room in rooms.values():
            room.send("time")
        await asyncio.wait([stopping], timeout=TICK)
    server.stop()
    members = [member for room in rooms.values() for member in room.members]
    for member in members:
        member.close(1001, "the server goes down")  # RFC 6455 section 7.4.1: going away
    await asyncio.wait([stopping, *(member.sender for member in members)], timeout=2)


if __name__ == "__main__":
    asyncio.run(main())
