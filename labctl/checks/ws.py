"""WebSocket (RFC 6455), by Tornado's client.

Runs on a client machine: ``python3-tornado``, and the system's authorities for ``wss``.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """Open a connection, send, and say what came back.

    ``request``: ``url``; ``send`` (texts); ``until`` (read on until a message holds this text;
    without it nothing is read); ``origin``; ``seconds`` (9). ``others`` are further requests,
    opened before anything is sent: what one client sends must reach them. ``late`` are opened
    when the first ones have got what they wait for: newcomers.

    Seen: ``status`` of the handshake (101, or what refused it), ``opened``, ``received``
    (texts), ``closed`` (the server's close code, or None), ``error``; ``others`` and ``late``
    hold the same for each of theirs. ``delivered``: every connection got what it waited for.
    """
    return asyncio.run(_ask(request))


async def _ask(request: dict[str, Any]) -> dict[str, Any]:
    first = _Client(request)
    others = [_Client(one) for one in request.get("others", ())]
    late = [_Client(one) for one in request.get("late", ())]
    await _converse([first, *others])
    await _converse(late)
    for client in (first, *others, *late):
        client.close()
    return {
        **first.seen,
        "delivered": all(client.delivered for client in (first, *others, *late)),
        "others": [client.seen for client in others],
        "late": [client.seen for client in late],
    }


async def _converse(clients: list[_Client]) -> None:
    """Open all, then send, then read."""
    for client in clients:
        await client.open()
    for client in clients:
        await client.send()
    await asyncio.gather(*(client.read() for client in clients))


class _Client:
    """One connection."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.until = request.get("until", "")
        self.seconds = float(request.get("seconds", 9))
        self.socket: Any = None
        self.reached = asyncio.Event()
        self.seen: dict[str, Any] = {
            "status": 0, "opened": False, "received": [], "closed": None, "error": "",
        }  # fmt: skip

    @property
    def delivered(self) -> bool:
        """Whether a message held the text that is waited for."""
        return any(self.until in text for text in self.seen["received"])

    async def open(self) -> None:
        """The opening handshake."""
        from tornado.httpclient import HTTPClientError, HTTPRequest
        from tornado.websocket import websocket_connect

        origin = self.request.get("origin")
        headers = {"Origin": origin} if origin else {}
        try:
            asked = HTTPRequest(self.request["url"], headers=headers, connect_timeout=self.seconds)
            connecting = websocket_connect(asked, on_message_callback=self.on_message)
            self.socket = await asyncio.wait_for(connecting, self.seconds)
            # a server that closes at once may have done so by now, before there was a socket
            self.seen |= {"status": 101, "opened": True, "closed": self.socket.close_code}
        except HTTPClientError as error:
            self.seen |= {"status": error.code, "error": str(error)}
        except (TimeoutError, OSError, ValueError) as error:
            self.seen["error"] = f"{type(error).__name__}: {error}"

    async def send(self) -> None:
        """What there is to send."""
        from tornado.websocket import WebSocketClosedError

        try:
            for message in self.request.get("send", ()) if self.socket else ():
                await self.socket.write_message(message)
        except WebSocketClosedError:
            self.seen["error"] = "the server closed the connection"

    def on_message(self, message: str | bytes | None) -> None:
        """Keep what came; None says that the connection is closed."""
        if message is None:
            self.seen["closed"] = self.socket.close_code if self.socket else None
            self.reached.set()
            return
        text = message if isinstance(message, str) else message.decode(errors="replace")
        self.seen["received"].append(text)
        if self.until and self.until in text:
            self.reached.set()

    async def read(self) -> None:
        """Read on until what is waited for has come."""
        if self.socket is None or not self.until:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.reached.wait(), self.seconds)
        if not self.delivered:
            self.seen["error"] = f"'{self.until}' did not come within {self.seconds:g} s"

    def close(self) -> None:
        """End a connection that is still open."""
        if self.socket is not None:
            self.socket.close(1000)
