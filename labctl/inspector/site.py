"""The inspector's own pages, and what they ask for: live changes, details, archives."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import urllib.parse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import har
from .http1 import Broken, Head, read_head, request_framing
from .records import Exchange, Records, Watcher

PAUSE = 0.1  # seconds between two lots of changes: a burst becomes one
HEARTBEAT = 15.0  # seconds after which a comment shows that the connection lives
MAX_BODY = 4096
PAGES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/inspect.css": ("inspect.css", "text/css; charset=utf-8"),
    "/inspect.js": ("inspect.js", "text/javascript; charset=utf-8"),
}
_ALWAYS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_REASONS = {200: "OK", 204: "No Content", 400: "Bad Request", 401: "Unauthorized",
            403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}  # fmt: skip
_REALM = {"WWW-Authenticate": 'Basic realm="inspector", charset="UTF-8"'}
_FOR_ALL = "/seen"  # numbers only: checks ask there


class Request:
    """A request for one of our pages, and its answer."""

    def __init__(self, head: Head, writer: asyncio.StreamWriter) -> None:
        self.head, self.writer = head, writer
        self.method, target, _ = head.words
        parts = urllib.parse.urlsplit(target)
        self.path = parts.path
        self.query = dict(urllib.parse.parse_qsl(parts.query))

    async def answer(
        self, status: int, body: bytes = b"", kind: str = "", more: Mapping[str, str] | None = None
    ) -> None:
        """Answer as a whole."""
        fields = {"Content-Length": str(len(body))} if status != 204 else {}
        self.begin(status, kind, {**fields, **(more or {})})
        if self.method != "HEAD":
            self.writer.write(body)
        await self.writer.drain()

    async def answer_json(self, value: Any, status: int = 200) -> None:
        """Answer with JSON."""
        await self.answer(status, json.dumps(value).encode(), "application/json")

    def begin(self, status: int, kind: str, more: Mapping[str, str]) -> None:
        """Write the head of an answer."""
        fields = {**_ALWAYS, **({"Content-Type": kind} if kind else {}), **more}
        lines = [f"HTTP/1.1 {status} {_REASONS[status]}"]
        lines += [f"{name}: {value}" for name, value in fields.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))


class Site:
    """The pages in a folder, and the records behind them.

    ``login`` is the SHA-256 of the password that they ask for, in hexadecimal; "" for none.
    """

    def __init__(self, records: Records, folder: Path, login: str = "") -> None:
        self.records, self.login = records, login
        self.read(folder)

    def read(self, folder: Path) -> None:
        """Read the pages, which name the sites, anew. OSError where one is missing."""
        self.pages = {path: ((folder / name).read_bytes(), kind)
                      for path, (name, kind) in PAGES.items()}  # fmt: skip

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        try:
            while (head := await read_head(reader)) is not None:
                await _drop_body(reader, head)
                if not await self.respond(Request(head, writer)):
                    break
        except (OSError, Broken, ValueError, asyncio.IncompleteReadError):
            pass  # whoever asked like this is gone, or gets no answer
        finally:
            writer.close()

    async def respond(self, asked: Request) -> bool:
        """Answer; whether another request may follow."""
        wanted = "POST" if asked.path == "/clear" else "GET"
        if asked.path != _FOR_ALL and not self.admits(asked.head):
            await asked.answer(401, b"The password is known to the lab.\n", "text/plain", _REALM)
        elif asked.method != wanted and not (wanted == "GET" and asked.method == "HEAD"):
            await asked.answer(405, more={"Allow": wanted})
        elif asked.path == "/events" and asked.method == "GET":
            await self._events(asked)
            return False
        else:
            await self._page(asked)
        return not asked.head.has("connection", "close") and asked.head.words[2] == "HTTP/1.1"

    def admits(self, head: Head) -> bool:
        """Whether a request shows the password, by any name (Basic, RFC 7617)."""
        if not self.login:
            return True
        scheme, _, said = head.get("authorization").partition(" ")
        try:
            _, _, password = base64.b64decode(said, validate=True).partition(b":")
        except ValueError:
            return False
        shown = hashlib.sha256(password).hexdigest()
        return scheme.lower() == "basic" and hmac.compare_digest(shown, self.login)

    async def _page(self, asked: Request) -> None:
        if asked.path in self.pages:
            await asked.answer(200, *self.pages[asked.path])
        elif asked.path.startswith("/exchange/"):
            await self._exchange(asked)
        elif asked.path == "/har":
            await self._archive(asked)
        elif asked.path == "/seen":
            await self._seen(asked)
        elif asked.path == "/clear":
            await self._clear(asked)
        else:
            await asked.answer(404)

    async def _exchange(self, asked: Request) -> None:
        number = asked.path.removeprefix("/exchange/")
        found = self.records.get(int(number)) if number.isdecimal() and len(number) < 16 else None
        if found is None:
            await asked.answer_json({"error": "forgotten, or never seen"}, 404)
        else:
            await asked.answer_json({**summary(found), "entry": har.entry(found)})

    async def _archive(self, asked: Request) -> None:
        """HAR of all, or of one site; sent piece by piece, and taken as slowly as one likes."""
        site = asked.query.get("site", "")
        chosen = [one.number for one in self.records if not site or one.site == site]
        found = (one for number in chosen if (one := self.records.get(number)))
        told = {"Content-Disposition": 'attachment; filename="lab.har"'}
        asked.begin(200, "application/json", {"Transfer-Encoding": "chunked", **told})
        if asked.method != "HEAD":
            for piece in har.archive(found):
                data = piece.encode()
                asked.writer.write(b"%x\r\n%b\r\n" % (len(data), data))
                await asked.writer.drain()
            asked.writer.write(b"0\r\n\r\n")
        await asked.writer.drain()

    async def _seen(self, asked: Request) -> None:
        """How many exchanges of a host are remembered; 404 where there is none."""
        host = asked.query.get("host", "").lower()
        hosts = [one.request.get("host").partition(":")[0].lower() for one in self.records]
        count = hosts.count(host)
        await asked.answer_json({"host": host, "exchanges": count}, 200 if count else 404)

    async def _clear(self, asked: Request) -> None:
        """Forget all, asked by our own page or by no page at all (RFC 6454 section 7)."""
        origin = asked.head.get("origin")
        if origin and urllib.parse.urlsplit(origin).netloc != asked.head.get("host"):
            await asked.answer(403)
            return
        self.records.clear()
        await asked.answer(204)

    async def _events(self, asked: Request) -> None:
        """Server-sent events: what has changed, in lots. Who is slow gets fewer and larger ones."""
        woken = asyncio.Event()
        watcher = self.records.watch(woken.set)
        woken.set()
        # X-Accel-Buffering: nginx hands each event on at once
        asked.begin(200, "text/event-stream", {"X-Accel-Buffering": "no", "Connection": "close"})
        try:
            while True:
                try:
                    async with asyncio.timeout(HEARTBEAT):
                        await woken.wait()
                except TimeoutError:
                    asked.writer.write(b": still here\n\n")
                woken.clear()
                self._tell(asked.writer, watcher)
                await asked.writer.drain()
                await asyncio.sleep(PAUSE)
        finally:
            self.records.unwatch(watcher)

    def _tell(self, writer: asyncio.StreamWriter, watcher: Watcher) -> None:
        if watcher.cleared:
            watcher.cleared = False
            writer.write(b"event: cleared\ndata: {}\n\n")
        found = [self.records.get(number) for number in watcher.changed]
        watcher.changed.clear()
        changed = [summary(one) for one in found if one]
        if changed:
            told = {"exchanges": changed, "forgotten": self.records.forgotten}
            writer.write(b"event: changed\ndata: %b\n\n" % json.dumps(told).encode())


def summary(exchange: Exchange) -> dict[str, Any]:
    """A line of the list."""
    status = exchange.response.words[1] if exchange.response else ""
    kind = exchange.response.get("content-type") if exchange.response else ""
    return {
        "number": exchange.number,
        "site": exchange.site,
        "started": har.stamp(exchange.started),
        "client": har.client(exchange),
        "protocol": har.protocol(exchange),
        "connection": har.connection(exchange),
        "method": exchange.request.words[0],
        "url": har.url(exchange),
        "path": exchange.request.words[1],
        "status": status,
        "type": kind.partition(";")[0],
        "size": exchange.received.size,
        "milliseconds": round(
            (exchange.ended if exchange.ended >= 0 else exchange.now()) * 1000, 1
        ),
        "state": exchange.state,
        "why": exchange.why,
        "websocket": status == "101",
        "frames": exchange.frame_count,
        "closed": exchange.closed,
    }


async def _drop_body(reader: asyncio.StreamReader, head: Head) -> None:
    """Our pages take no bodies: a short one is read and forgotten."""
    framing = request_framing(head)
    if framing is None or framing > MAX_BODY:
        raise Broken("a body that nobody asked for")
    if framing:
        await reader.readexactly(framing)
