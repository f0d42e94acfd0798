"""Handing on: one connection to the front for each connection from it, message by message."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from .frames import ABNORMAL, CLOSE, Frame, Reader
from .http1 import (
    MAX_HEAD,
    NOTE,
    PIECE,
    Broken,
    Head,
    pass_body,
    read_head,
    request_framing,
    response_framing,
)
from .records import Body, Exchange, Records

LINGER = 5.0  # seconds: as long as nginx reads on after an early response (lingering_timeout)
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Codes = dict[str, int]  # who has closed, with which code
_FIRST = asyncio.FIRST_COMPLETED
_BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Front(asyncio.StreamReader):
    """What comes from the front. ``ended`` says so also while nobody reads."""

    def __init__(self) -> None:
        super().__init__(limit=MAX_HEAD)
        self.ended = asyncio.Event()

    def feed_eof(self) -> None:
        super().feed_eof()
        self.ended.set()

    def set_exception(self, exc: Exception) -> None:
        super().set_exception(exc)
        self.ended.set()


class Relay:
    """Connections that come in are handed on to ``behind``; ``sites`` names them by their hosts."""

    def __init__(self, records: Records, behind: tuple[str, int], sites: Mapping[str, str]) -> None:
        self.records, self.behind, self.sites = records, behind, sites

    def protocol(self) -> asyncio.StreamReaderProtocol:
        """What serves a new connection."""
        reader = Front()

        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self.serve(reader, writer)

        return asyncio.StreamReaderProtocol(reader, serve)

    async def serve(self, reader: Front, writer: asyncio.StreamWriter) -> None:
        """Hand one connection on until either side ends it."""
        connection = _Connection(self, reader, writer)
        try:
            await connection.run()
        except (OSError, Broken, asyncio.IncompleteReadError) as trouble:
            connection.broken(f"{trouble}" or type(trouble).__name__)
        finally:
            connection.close()

    def site(self, head: Head) -> str:
        """The site that a request is for; "" where it is none that we know."""
        host = head.get("host").partition(":")[0]
        return self.sites.get(host.lower().rstrip("."), "")


class _Connection:
    """A connection from the front, and the one that answers it."""

    def __init__(self, relay: Relay, reader: Front, writer: asyncio.StreamWriter) -> None:
        self.relay, self.records = relay, relay.records
        self.front = (reader, writer)
        self.back: Pair | None = None
        self.exchange: Exchange | None = None

    async def run(self) -> None:
        """One request after the other."""
        while (head := await read_head(self.front[0])) is not None:
            note = tuple(head.get(NOTE).split())
            request = head.without(NOTE)
            site = self.relay.site(request)
            remember = self.records.begin if site else self.records.ignored
            self.exchange = remember(site, request, note)
            if not await self._exchanged(request, self.exchange):
                return

    async def _exchanged(self, request: Head, exchange: Exchange) -> bool:
        """One request and its response; whether the connections can be used again."""
        back = await self._backward()
        back[1].write(request.raw)
        framing = request_framing(request)
        answer = asyncio.ensure_future(self._answer(request, exchange, back))
        upload = asyncio.ensure_future(self._upload(framing, exchange, back[1]))
        away = asyncio.ensure_future(self._gone(exchange))
        tasks = (answer, upload, away)
        try:
            await asyncio.wait({answer, away}, return_when=_FIRST)
            if not answer.done():
                raise Broken("the client went away before the response was complete")
            again = answer.result()
            if not upload.done():  # an early response: what is still coming must not be cut off
                await asyncio.wait({upload, away}, timeout=LINGER, return_when=_FIRST)
                return False
            return again and upload.exception() is None
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _backward(self) -> Pair:
        """The connection that answers: a kept one, unless it has ended meanwhile."""
        if self.back is None or self.back[0].at_eof():
            self._close_back()
            try:
                self.back = await asyncio.open_connection(*self.relay.behind, limit=MAX_HEAD)
            except OSError as error:
                self.front[1].write(_BAD_GATEWAY)
                raise Broken(f"the front does not answer: {error}") from None
        return self.back

    async def _upload(
        self, framing: int | None, exchange: Exchange, writer: asyncio.StreamWriter
    ) -> None:
        def tap(piece: bytes) -> None:
            self._tap(exchange, exchange.sent, piece)

        try:
            await pass_body(self.front[0], writer, framing, tap)
        except Broken:  # whoever sends this waits for no response
            self.front[0].ended.set()
            raise
        await writer.drain()
        exchange.uploaded = exchange.now()

    async def _gone(self, exchange: Exchange) -> None:
        """Ends when the client has closed, and so nobody waits for the response any more."""
        await self.front[0].ended.wait()
        if exchange.response and exchange.response.words[1] == "101":
            await asyncio.Future()  # the tunnel sees to it

    async def _answer(self, request: Head, exchange: Exchange, back: Pair) -> bool:
        """The response; whether another request may follow."""
        while True:
            head = await read_head(back[0])
            if head is None:
                raise Broken("the connection ended without a response")
            status = head.words[1]
            if status == "101" or not status.startswith("1"):
                break
            self.front[1].write(head.raw)
        exchange.response, exchange.answered = head, exchange.now()
        self.records.touch(exchange)
        self.front[1].write(head.raw)
        if status == "101":
            await self._tunnel(exchange, head, back)
            return False
        return await self._response(request, exchange, head, back)

    async def _response(self, request: Head, exchange: Exchange, head: Head, back: Pair) -> bool:
        def tap(piece: bytes) -> None:
            self._tap(exchange, exchange.received, piece)

        framing = response_framing(head, request.words[0])
        await pass_body(back[0], self.front[1], framing, tap)
        await self.front[1].drain()
        self._done(exchange)
        closes = any(one.has("connection", "close") for one in (request, head))
        return not closes and framing != -1 and head.words[0] == "HTTP/1.1"

    def _tap(self, exchange: Exchange, body: Body, piece: bytes) -> None:
        self.records.keep(exchange, body, piece)

    async def _tunnel(self, exchange: Exchange, head: Head, back: Pair) -> None:
        """After 101: frames, in both directions, until one side ends (RFC 6455 section 1.3)."""
        agreed = head.get("sec-websocket-extensions").lower()
        deflate = "permessage-deflate" in agreed
        codes: Codes = {}
        ways = []
        for sender, source, target in (
            ("client", self.front[0], back[1]),
            ("server", back[0], self.front[1]),
        ):
            takeover = f"{sender}_no_context_takeover" not in agreed
            seen = self._seen(exchange, sender, codes)
            frames = Reader(self.records.body, deflate, takeover, seen)
            ways.append(asyncio.ensure_future(_pipe(source, target, frames)))
        try:
            await asyncio.wait(ways, return_when=_FIRST)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            said = ", ".join(f"{code} by the {sender}" for sender, code in codes.items())
            exchange.closed = said or f"{ABNORMAL}, without a close frame"
            self._done(exchange)

    def _seen(self, exchange: Exchange, sender: str, codes: Codes) -> Callable[[Frame], None]:
        def seen(frame: Frame) -> None:
            if frame.opcode == CLOSE:
                codes.setdefault(sender, frame.close_code)
            self.records.frame(exchange, sender, frame)

        return seen

    def _done(self, exchange: Exchange) -> None:
        exchange.state, exchange.ended = "done", exchange.now()
        self.records.touch(exchange)

    def broken(self, why: str) -> None:
        """Note that the exchange in progress has not come to its end."""
        if self.exchange and self.exchange.state == "open":
            self.exchange.state, self.exchange.why = "broken", why
            self.exchange.ended = self.exchange.now()
            self.records.touch(self.exchange)

    def close(self) -> None:
        """End both connections."""
        self._close_back()
        self.front[1].close()

    def _close_back(self) -> None:
        if self.back:
            self.back[1].close()
            self.back = None


async def _pipe(source: asyncio.StreamReader, target: asyncio.StreamWriter, frames: Reader) -> None:
    while piece := await source.read(PIECE):
        target.write(piece)
        frames.feed(piece)
        await target.drain()
