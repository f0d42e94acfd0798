"""Hear from a server that speaks first, in four ways, and count what each way costs.

Standard input is the work: ``sites`` (name, host, path, port, tls, verify), of which the first that
answers ``/push.json`` is asked; ``listeners`` (how many hear each message), ``messages`` and
``pause`` (seconds between two), ``every`` (seconds between two questions of who asks again and
again) and ``patience``. Out goes, for each way, ``delays`` (seconds from saying to hearing),
``missing`` (messages that did not come), ``bytes`` (of all listeners, both directions, TLS apart),
``connections`` and ``requests``; nothing at all where no site knows how to be asked.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
import ssl
import sys
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

FRAME = 126  # from here on a frame's length stands in further bytes (RFC 6455 section 5.2)


class Counted:
    """What the listeners of one way have cost."""

    def __init__(self) -> None:
        self.bytes = self.connections = self.requests = 0
        self.heard: dict[tuple[int, str], float] = {}


class Connection:
    """A connection of HTTP/1.1 whose bytes are counted."""

    def __init__(self, site: dict[str, Any], counted: Counted) -> None:
        self.site, self.counted = site, counted
        self.reader: asyncio.StreamReader
        self.writer: asyncio.StreamWriter

    async def open(self) -> None:
        site = self.site
        context = None
        if site["tls"]:
            context = ssl.create_default_context()
            if not site["verify"]:
                context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        found = socket.getaddrinfo(site["host"], site["port"], socket.AF_INET, socket.SOCK_STREAM)
        self.reader, self.writer = await asyncio.open_connection(
            str(found[0][4][0]), site["port"], ssl=context, limit=2**22,
            server_hostname=site["host"] if context else None,
        )  # fmt: skip
        self.counted.connections += 1

    def send(self, data: bytes) -> None:
        self.writer.write(data)
        self.counted.bytes += len(data)

    async def take(self, count: int) -> bytes:
        data = await self.reader.readexactly(count)
        self.counted.bytes += count
        return data

    async def line(self, end: bytes = b"\n") -> bytes:
        data = await self.reader.readuntil(end)
        self.counted.bytes += len(data)
        return data

    async def ask(self, path: str, *fields: str, method: str = "GET", body: bytes = b"") -> str:
        """Ask; the head of the answer."""
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.site['host']}", *fields]
        if body:
            lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
        self.send("\r\n".join([*lines, "", ""]).encode() + body)
        self.counted.requests += 1
        return (await self.line(b"\r\n\r\n")).decode("latin-1").lower()

    async def body(self, head: str) -> bytes:
        """The rest of an answer (RFC 9112 section 6.3)."""
        if "content-length:" in head:
            return await self.take(int(head.partition("content-length:")[2].split()[0]))
        return b"".join([piece async for piece in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        while size := int((await self.line()).split(b";")[0], 16):
            yield await self.take(size)
            await self.line()
        await self.line()

    async def lines(self, head: str) -> AsyncIterator[bytes]:
        """The lines of an answer without end, however they are cut into chunks."""
        rest = b""
        pieces = self.chunks() if "chunked" in head else self.pieces()
        async for piece in pieces:
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                yield line

    async def pieces(self) -> AsyncIterator[bytes]:
        while True:
            yield await self.line()

    async def frame(self) -> tuple[int, bytes]:
        """The next frame of a server: its opcode and payload."""
        first, second = await self.take(2)
        size = second & 127
        if size >= FRAME:
            size = int.from_bytes(await self.take(2 if size == FRAME else 8), "big")
        return first & 15, await self.take(size)

    def pong(self, payload: bytes) -> None:
        self.send(bytes([0x8A, 0x80 | len(payload), 0, 0, 0, 0]) + payload)  # masked by nothing


Hears = Callable[[Any], None]


class Way:
    """One way to listen. ``ready`` is released once for each listener that hears."""

    def __init__(self, name: str, work: dict[str, Any], paths: dict[str, str]) -> None:
        self.name, self.work, self.paths = name, work, paths
        self.room = f"push-{os.getpid()}-{name.replace(' ', '-')}"
        self.counted = Counted()
        self.ready = asyncio.Semaphore(0)

    def path(self, way: str, listener: int, since: int = 0) -> str:
        return self.paths[way].format(room=self.room, name=f"listener-{listener}", since=since)

    def hear(self, listener: int, message: Any) -> None:
        """Note when a message came, the first time."""
        if isinstance(message, dict) and message.get("type") == "message":
            key = listener, str(message.get("text"))
            self.counted.heard.setdefault(key, time.monotonic())

    async def listen(self, site: dict[str, Any], listener: int) -> None:
        connection = Connection(site, self.counted)
        await connection.open()
        try:
            await self.heard_by(connection, listener)
        finally:
            connection.writer.transport.abort()

    async def heard_by(self, connection: Connection, listener: int) -> None:
        raise NotImplementedError


class WebSocket(Way):
    """A connection in which both sides speak (RFC 6455)."""

    async def heard_by(self, connection: Connection, listener: int) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        head = await connection.ask(
            self.path("websocket", listener), "Upgrade: websocket", "Connection: Upgrade",
            "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}",
        )  # fmt: skip
        if " 101 " not in head.partition("\r\n")[0]:
            raise ValueError(head.partition("\r\n")[0])
        self.ready.release()
        while True:
            opcode, payload = await connection.frame()
            if opcode == 9:
                connection.pong(payload)
            elif opcode == 1:
                self.hear(listener, json.loads(payload))


class Events(Way):
    """An answer that does not end."""

    async def heard_by(self, connection: Connection, listener: int) -> None:
        head = await connection.ask(self.path("events", listener), "Accept: text/event-stream")
        told = False
        async for line in connection.lines(head):
            if line.startswith(b"data:"):
                self.hear(listener, json.loads(line[5:]))
                if not told:
                    self.ready.release()
                    told = True


class LongPoll(Way):
    """A question that waits for its answer, then the next."""

    async def heard_by(self, connection: Connection, listener: int) -> None:
        since = 0
        self.ready.release()
        while True:
            since = await self.once(connection, listener, since)

    async def once(self, connection: Connection, listener: int, since: int, more: str = "") -> int:
        head = await connection.ask(self.path("poll", listener, since) + more)
        answer = json.loads(await connection.body(head))
        for message in answer["messages"]:
            self.hear(listener, message)
        return int(answer["since"])


class Asking(LongPoll):
    """A question now and then, answered at once."""

    async def heard_by(self, connection: Connection, listener: int) -> None:
        since = 0
        self.ready.release()
        await asyncio.sleep(self.work["every"] * listener / self.work["listeners"])
        while True:
            since = await self.once(connection, listener, since, "&wait=0")
            await asyncio.sleep(self.work["every"])  # what is measured


WAYS = {"websocket": WebSocket, "events": Events, "long poll": LongPoll, "asking": Asking}


async def measured(way: Way, site: dict[str, Any]) -> dict[str, Any]:
    """Listeners that hear, somebody who speaks, and what came of it."""
    work, counted = way.work, way.counted
    tasks = [asyncio.ensure_future(way.listen(site, n)) for n in range(work["listeners"])]
    said: dict[str, float] = {}
    try:
        for _ in tasks:
            await asyncio.wait_for(way.ready.acquire(), work["patience"])
        await speak(way, site, said)
        deadline = time.monotonic() + work["patience"]
        wanted = len(said) * len(tasks)
        while len(counted.heard) < wanted and time.monotonic() < deadline:
            await asyncio.sleep(0.02)  # many tasks hear, none knows who is last
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    troubles = [f"{type(e).__name__}: {e}" for e in ended
                if not isinstance(e, asyncio.CancelledError)]  # fmt: skip
    return {
        "delays": [at - said[text] for (_, text), at in counted.heard.items() if text in said],
        "missing": wanted - len(counted.heard),
        "bytes": counted.bytes,
        "connections": counted.connections,
        "requests": counted.requests,
        "troubles": troubles[:3],
    }


async def speak(way: Way, site: dict[str, Any], said: dict[str, float]) -> None:
    """Say one message after the other; what it costs to speak is not counted."""
    speaker = Connection(site, Counted())
    await speaker.open()
    for number in range(way.work["messages"]):
        text = f"message {number}"
        body = json.dumps({"room": way.room, "name": "speaker", "text": text}).encode()
        said[text] = time.monotonic()
        head = await speaker.ask(way.paths["say"], method="POST", body=body)
        await speaker.body(head)
        await asyncio.sleep(way.work["pause"])
    speaker.writer.transport.abort()


async def ways_of(sites: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, str]] | None:
    """The first site that says how it can be used, and how."""
    for site in sites:
        connection = Connection(site, Counted())
        try:
            await connection.open()
            head = await connection.ask("/push.json")
            if " 200 " in head.partition("\r\n")[0]:
                paths = json.loads(await connection.body(head))
                if set(paths) >= {"websocket", "events", "poll", "say"}:
                    return site, paths
        except (OSError, ValueError, EOFError):
            continue
        finally:
            if hasattr(connection, "writer"):
                connection.writer.transport.abort()
    return None


async def main() -> None:
    """One way after the other, so that none waits for another."""
    work = json.load(sys.stdin)
    found = await ways_of(work["sites"])
    result: dict[str, Any] = {}
    if found:
        site, paths = found
        for name, way in WAYS.items():
            result[name] = await measured(way(name, work, paths), site)
        result = {"site": site["name"], "ways": result}
    json.dump(result, sys.stdout)


asyncio.run(main())
