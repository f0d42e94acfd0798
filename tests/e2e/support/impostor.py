"""A TLS server on this host with a certificate that a lab's stolen key has signed."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from labctl.pki import authority, keys, leaf
from tests.e2e.support.lab import OwnLab

PAGE = b"<!DOCTYPE html><title>Impostor</title>"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Say nothing."""


@contextmanager
def impostor(
    lab: OwnLab, directory: Path, *names: str, rank: str = "intermediate"
) -> Iterator[int]:
    """Serve with a certificate for ``names`` (host names, addresses); the port on loopback.

    It is signed with the key of the lab's root or intermediate, as a thief would sign it.
    """
    kept = json.loads((lab.home.data / lab.name / "authority.json").read_text())["data"]
    issuer = authority.load(kept[rank]["certificate"].encode(), kept[rank]["key"].encode())
    key = keys.new_ec()
    chain = leaf.issue(names, key, 4711, datetime.now(UTC), issuer).decode()
    chain += kept["intermediate"]["certificate"] if rank == "intermediate" else ""
    file = directory / "impostor.pem"
    file.write_text(chain + keys.to_pem(key).decode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
