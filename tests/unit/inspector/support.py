"""The inspector as it runs on a machine, between a client and a server of the tests' own."""

from __future__ import annotations

import asyncio
import gzip
import http.client
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tornado.web
import tornado.websocket

from labctl.kinds import inspect
from labctl.model import Template
from labctl.render import templates
from tests.support import lab_from

LAB = "lab: x\nservices: {www: static}\nsites: {www: {service: www, inspect: true}}\n"
HOST = "www.x.test"
BIG = "é" * 100_000


class Backend:
    """A server behind the inspector; ``events`` are what its handlers wait for."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.events: dict[str, asyncio.Event] = {}
        self.seen: list[tuple[str, Mapping[str, str], bytes]] = []
        self.port = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._listen())
        self.loop.run_forever()

    async def _listen(self) -> None:
        routes = [
            (r"/stream", _Stream), (r"/echo", _Echo), (r"/gzip", _Gzip), (r"/upload", _Upload),
            (r"/ws", _Socket), (r"/cookie", _Cookie), (r"/refuse", _Refuse),
            (r"/big", _Big), (r"/hang", _Hang),
        ]  # fmt: skip
        application = tornado.web.Application(
            routes, backend=self, websocket_max_message_size=2**20, log_function=lambda _: None
        )
        server = application.listen(0, "127.0.0.1")
        (listening,) = server._sockets.values()
        self.port = listening.getsockname()[1]
        for name in ("go", "piece", "hanging", "gone"):
            self.events[name] = asyncio.Event()
        self._ready.set()

    def set(self, name: str) -> None:
        self.loop.call_soon_threadsafe(self.events[name].set)

    def wait(self, name: str) -> None:
        waiting = asyncio.run_coroutine_threadsafe(self.events[name].wait(), self.loop)
        waiting.result(10)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)


class _Handler(tornado.web.RequestHandler):
    @property
    def backend(self) -> Backend:
        found: Backend = self.settings["backend"]
        return found


class _Stream(_Handler):
    async def get(self) -> None:
        self.write("first ")
        await self.flush()
        await self.backend.events["go"].wait()
        self.write("second")


class _Echo(_Handler):
    async def get(self) -> None:
        self.backend.seen.append((self.request.uri or "", dict(self.request.headers), b""))
        self.write("hello")

    async def head(self) -> None:
        self.set_header("Content-Length", "5")

    async def post(self) -> None:
        self.write(self.request.body)


class _Gzip(_Handler):
    async def get(self) -> None:
        self.set_header("Content-Encoding", "gzip")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write(gzip.compress(b"plain words" * 10))


class _Cookie(_Handler):
    async def get(self) -> None:
        self.set_cookie("session", "s3cret", httponly=True, samesite="Lax", path="/")
        self.write("<b>set</b>")


class _Refuse(_Handler):
    """Answers before it has read, as a server does that finds a body too large."""

    async def get(self) -> None:
        self.set_status(413)


class _Big(_Handler):
    async def get(self) -> None:
        self.write(BIG)


class _Hang(_Handler):
    async def get(self) -> None:
        self.backend.events["hanging"].set()
        await asyncio.Event().wait()

    def on_connection_close(self) -> None:
        self.backend.events["gone"].set()


@tornado.web.stream_request_body
class _Upload(_Handler):
    def prepare(self) -> None:
        self.count = 0

    def data_received(self, chunk: bytes) -> None:
        self.count += len(chunk)
        self.backend.events["piece"].set()

    async def post(self) -> None:
        self.write(str(self.count))


class _Socket(tornado.websocket.WebSocketHandler):
    def get_compression_options(self) -> dict[str, Any] | None:
        return {} if self.get_query_argument("deflate", "") else None

    async def on_message(self, message: str | bytes) -> None:
        if message == "close":
            self.close(4001, "as you wish")
        elif message == "cut":
            self.ws_connection.stream.close()  # type: ignore[union-attr]  # open
        else:
            await self.write_message(message, binary=isinstance(message, bytes))


@dataclass
class Inspector:
    """A running one: where requests go in, and where its pages are."""

    relay: int
    page: int
    process: subprocess.Popen[bytes]
    config: Path

    def ask(
        self, path: str, method: str = "GET", body: Any = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask the inspected server."""
        fields = {"Host": HOST, **{k.replace("_", "-"): v for k, v in headers.items()}}
        return request(self.relay, path, method, body, fields)

    def own(
        self, path: str, method: str = "GET", **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """Ask for a page of its own."""
        return request(self.page, path, method, None, headers)

    def entries(self, site: str = "") -> list[dict[str, Any]]:
        """What the archive has."""
        status, _, body = self.own(f"/har?site={site}" if site else "/har")
        assert status == 200
        found: list[dict[str, Any]] = json.loads(body)["log"]["entries"]
        return found


def request(
    port: int, path: str, method: str, body: Any, headers: Mapping[str, str]
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@contextmanager
def inspecting(folder: Path, behind: int, **more: int | str) -> Iterator[Inspector]:
    """The program with its files as the kind ships them, in a process of its own."""
    lab = lab_from(LAB, _content(folder))
    service = lab.services["inspect"]
    for file in inspect.files(service, lab, None):  # type: ignore[arg-type]  # no CA needed
        content = file.content
        data = templates.text(content).encode() if isinstance(content, Template) else content
        place = folder / "machine" / file.path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    relay, page = free_ports(2)
    config = folder / "machine" / inspect.CONFIG.lstrip("/")
    told = json.loads(config.read_text())
    told |= {"relay": relay, "behind": behind, "page": ["127.0.0.1", page], **more}
    told["folder"] = str(folder / "machine" / inspect.PAGES.lstrip("/"))
    config.write_text(json.dumps(told))
    process = subprocess.Popen(
        [sys.executable, "-m", "inspector", str(config)],
        cwd=folder / "machine" / "usr/local/lib",
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout
        assert process.stdout.readline().startswith(b"inspecting www")
        yield Inspector(relay, page, process, config)
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout
        process.stdout.close()


def _content(folder: Path) -> Path:
    (folder / "www").mkdir(exist_ok=True)
    (folder / "www" / "index.html").write_text("x")
    return folder
