"""WebSocket (RFC 6455), by Tornado's client.

Runs on a client machine: ``python3-tornado``, and the system's authorities for ``wss``.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """Open a connection, send, and say what came back.

    ``request``: ``url``; ``send`` (messages, text), ``until`` (a text: read on until a message
    has it), ``origin``, ``seconds`` (6). With ``others`` (a list of such requests) each of those
    connections is opened after the one before it, and reads on until its own ``until``.

    Seen: ``status`` of the handshake (101, or what refused it), ``opened``, ``received``
    (messages until ``until`` came, or the time was over), ``closed`` (the code, or None while
    open), ``error``; and ``others``, the same for each of them.
    """
    return asyncio.run(_ask(request))


async def _ask(request: dict[str, Any]) -> dict[str, Any]:
    asked = [request, *request.get("others", ())]
    clients = [_Client(one) for one in asked]
    for client in clients:
        await client.begin()
    await asyncio.gather(*(client.end() for client in clients))
    seen = clients[0].seen
    if len(clients) > 1:
        seen["others"] = [client.seen for client in clients[1:]]
    return seen


class _Client:
    """One connection."""

    def __init__(self, request: dict[str, Any]) -> None:
        self.request = request
        self.until = request.get("until", "")
        self.seconds = float(request.get("seconds", 6))
        self.socket: Any = None
        self.reached = asyncio.Event()
        self.seen: dict[str, Any] = {
            "status": 0, "opened": False, "received": [], "closed": None, "error": "",
        }  # fmt: skip

    async def begin(self) -> None:
        """Open and send."""
        from tornado.httpclient import HTTPClientError, HTTPRequest
        from tornado.websocket import WebSocketError, websocket_connect

        origin = self.request.get("origin")
        headers = {"Origin": origin} if origin else {}
        try:
            ask_for = HTTPRequest(self.request["url"], headers=headers, connect_timeout=self.seconds)
            connecting = websocket_connect(ask_for, on_message_callback=self.on_message)
            self.socket = await asyncio.wait_for(connecting, self.seconds)
            self.seen |= {"status": 101, "opened": True}
            for message in self.request.get("send", ()):
                await self.socket.write_message(message)
        except HTTPClientError as error:
            self.seen |= {"status": error.code, "error": str(error)}
        except (TimeoutError, OSError, ValueError, WebSocketError) as error:
            self.seen["error"] = f"{type(error).__name__}: {error}"

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

    async def end(self) -> None:
        """Read on until what was waited for has come, then close."""
        if self.socket is None:
            return
        if self.until:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self.reached.wait(), self.seconds)
            if not any(self.until in text for text in self.seen["received"]):
                self.seen["error"] = f"'{self.until}' did not come in {self.seconds:g} s"
        self.socket.close(1000)
