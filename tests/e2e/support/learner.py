"""A learner's own server on this host: the course's register/info API, in the standard library."""

from __future__ import annotations

import html
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote


class Learner:
    """The exercise's server while it is entered; with ``trusting`` one that escapes nothing.

    ``prefix`` is the path below which it answers, ``certificate`` a file with key and chain,
    ``redirect`` where its first page leads, ``address`` one of this host's loopback.
    """

    def __init__(
        self,
        prefix: str = "",
        certificate: Path | None = None,
        trusting: bool = False,
        redirect: str = "",
        address: str = "127.0.0.1",
    ) -> None:
        self.prefix = prefix
        self.redirect = redirect
        self.trusting = trusting
        self.tokens: dict[str, str] = {}
        self.hosts: list[str] = []
        self.server = ThreadingHTTPServer((address, 0), lambda *words: _Handler(self, *words))
        self.scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            self.scheme = "https"

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server.server_address[1])

    def url(self, host: str = "127.0.0.1") -> str:
        """What its learner would name."""
        return f"{self.scheme}://{host}:{self.port}{self.prefix}"

    def __enter__(self) -> Learner:
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, learner: Learner, *words: Any) -> None:
        self.learner = learner
        super().__init__(*words)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        path = self.at()
        if path == "/" and self.learner.redirect:
            return self.answer(302, "elsewhere\n", location=self.learner.redirect)
        if path == "/api/register":
            return self.answer(405, "use POST\n")
        name = unquote(path.removeprefix("/info/"))
        if not path.startswith("/info/") or name not in self.learner.tokens:
            return self.answer(404, "nobody\n")
        words = [name, self.learner.tokens[name]]
        shown, token = words if self.learner.trusting else map(html.escape, words)
        return self.answer(200, f"<h1>Hello {shown} your token is {token}</h1>\n", "text/html")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.at() != "/api/register":
            return self.answer(404, "nothing here\n")
        if self.headers.get_content_type() != "application/json":
            return self.answer(415, "JSON, please\n")
        try:
            said = json.loads(body)
            self.learner.tokens[said["name"]] = said["token"]
        except (ValueError, KeyError, TypeError):
            return self.answer(400, "name and token, please\n")
        return self.answer(200, json.dumps({"name": said["name"]}), "application/json")

    def at(self) -> str:
        """The path below the prefix; a host name that was asked for is noted."""
        self.learner.hosts.append(self.headers.get("Host", ""))
        below = self.path.startswith(self.learner.prefix)
        return self.path.removeprefix(self.learner.prefix) if below else ""

    def answer(self, status: int, body: str, kind: str = "text/plain", location: str = "") -> None:
        """The whole answer."""
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(data)
