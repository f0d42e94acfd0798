"""The clients against real servers on this host's loopback; each with something that must fail."""

from __future__ import annotations

import http.server
import os
import socket
import socketserver
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from labctl.checks import bounded, certificates, conversation, machine, tls
from labctl.checks import http as client
from labctl.pki import authority, keys, leaf, names
from labctl.pki.certificate import serial_number

NOW = datetime.now(UTC)
HOST = "www.lab1.test"


class Site(http.server.BaseHTTPRequestHandler):
    """Pages for the client of HTTP."""

    def do_GET(self) -> None:
        routes = {"/": (200, b"hello"), "/large": (200, b"x" * 500_000), "/there": (301, b"")}
        status, body = routes.get(self.path, (404, b"none"))
        if self.headers.get("If-None-Match") == '"one"':
            status, body = 304, b""
        self.send_response(status)
        for name, value in (("ETag", '"one"'), ("Link", "<a>"), ("LINK", "<b>"), ("Location", "/"),
                            ("X-Got", self.headers.get("X-Sent", ""))):  # fmt: skip
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(201)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (its name there)
        """Say nothing."""


@contextmanager
def serving(server: socketserver.BaseServer) -> Iterator[int]:
    """Run a server; its port."""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_address[1]  # type: ignore[index]  # never a path here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)) as port:
        yield f"http://127.0.0.1:{port}"


def test_http_sees_an_answer(site: str) -> None:
    seen = client.ask({"url": f"{site}/", "headers": {"X-Sent": 'a "b" \\ c'}})
    assert (seen["status"], seen["body"], seen["version"]) == (200, "hello", "1.0")
    assert seen["header"]["etag"] == '"one"'
    assert seen["header"]["link"] == "<a>, <b>"
    assert seen["header"]["x-got"] == 'a "b" \\ c'
    assert seen["url"] == f"{site}/"
    assert 0 <= seen["milliseconds"] < 5000


def test_http_sees_what_is_not_there(site: str) -> None:
    seen = client.ask({"url": f"{site}/none"})
    assert (seen["status"], seen["body"]) == (404, "none")


@pytest.mark.parametrize("body", ["a=b", "@/etc/hostname", 'line\n"quoted"\t\\end\r\n', "é"])
def test_http_sends_a_body_as_it_is(site: str, body: str) -> None:
    seen = client.ask({"url": f"{site}/", "body": body})
    assert (seen["status"], seen["body"]) == (201, body.replace("\r\n\r\n", "\n\n"))


@pytest.mark.parametrize(("body", "size"), [("{}", 200_000), ("é", 3), ("", 1), ("longer", 2)])
def test_http_fills_a_body_up_with_spaces(site: str, body: str, size: int) -> None:
    seen = client.ask({"url": f"{site}/", "body": body, "size": size})
    whole = body.encode().ljust(size).decode()
    assert (seen["status"], seen["body"]) == (201, whole[: bounded.KEPT])


def test_http_asks_again_with_the_etag(site: str) -> None:
    assert client.ask({"url": f"{site}/", "conditional": True})["status"] == 304


def test_http_shows_a_persons_certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PEOPLE", str(tmp_path))
    root_key, key = keys.new_ec(), keys.new_ec()
    allowed = names.for_lab("lab1.test", "lab1.localhost")
    root = authority.root("lab1", allowed, root_key, serial_number(os.urandom(20)), NOW)
    issuer = authority.load(root, keys.to_pem(root_key))
    server = leaf.issue((HOST,), key, serial_number(os.urandom(20)), NOW, issuer)
    alice = leaf.person(
        "alice@lab1.test", key.public_key(), serial_number(os.urandom(20)), NOW, issuer
    )
    files = {"root": root, "server": server + keys.to_pem(key), "alice": alice}
    for name, content in files.items():
        (tmp_path / f"{name}.pem").write_bytes(content)
    (tmp_path / "alice.key").write_bytes(keys.to_pem(key))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tmp_path / "root.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(tmp_path / "server.pem")
    closed = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    closed.socket = context.wrap_socket(closed.socket, server_side=True)
    with serving(closed) as port:
        ask = {
            "url": f"https://{HOST}:{port}/", "connect": "127.0.0.1",
            "cacert": str(tmp_path / "root.pem"),
        }  # fmt: skip
        assert client.ask({**ask, "person": "alice"})["body"] == "hello"
        assert client.ask(ask)["error"]
        assert client.ask({**ask, "person": "bob"})["error"]


def test_http_follows_redirects_only_when_told(site: str) -> None:
    assert client.ask({"url": f"{site}/there"})["status"] == 301
    followed = client.ask({"url": f"{site}/there", "follow": True})
    assert (followed["status"], followed["url"]) == (200, f"{site}/")


def test_http_keeps_only_so_much(site: str) -> None:
    seen = client.ask({"url": f"{site}/large"})
    assert (seen["status"], len(seen["body"])) == (200, 65_536)


def test_http_says_why_there_is_no_answer(site: str) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        shut = client.ask({"url": f"http://127.0.0.1:{bound.getsockname()[1]}/"})
    assert shut["error"].startswith("curl: (7)")
    assert "error" in client.ask({"url": "http://no.such.host.invalid/"})
    # the URL is an option of its own, whatever is in it
    assert client.ask({"url": 'http://x"\noutput = "/tmp/owned'})["error"].startswith("curl: (3)")


class Pair:
    """An authority, and what it has signed for a host; another one that nobody trusts."""

    def __init__(self, folder: Path) -> None:
        allowed = names.for_lab("lab1.test", "lab1.localhost")
        root_key, key = keys.new_ec(), keys.new_ec()
        root = authority.root("lab1", allowed, root_key, _serial(), NOW)
        issuer = authority.load(root, keys.to_pem(root_key))
        middle = authority.intermediate("lab1", allowed, key, _serial(), NOW, issuer)
        self.root = folder / "root.pem"
        self.root.write_bytes(root)
        self.issuer, self.middle = authority.load(middle, keys.to_pem(key)), middle

    def signed(self, now: datetime = NOW) -> bytes:
        key = keys.new_ec()
        chain = leaf.issue((HOST, "lab1.test"), key, _serial(), now, self.issuer) + self.middle
        return chain + keys.to_pem(key)


def _serial() -> int:
    return serial_number(os.urandom(20))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("pki"))


@contextmanager
def https(pem: bytes, folder: Path) -> Iterator[int]:
    """A server that shows a certificate."""
    file = folder / "server.pem"
    file.write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    server.socket = context.wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    with serving(server) as port:
        yield port


def shaken(port: int, pair: Pair, **more: Any) -> dict[str, Any]:
    """What the client sees, as it is compared."""
    asked = {"host": HOST, "port": port, "connect": "127.0.0.1", "cacert": str(pair.root), **more}
    return certificates.described(tls.ask(asked), NOW)


def test_tls_sees_a_certificate_of_the_authority(pair: Pair, tmp_path: Path) -> None:
    with https(pair.signed(), tmp_path) as port:
        seen = shaken(port, pair)
        assert (seen["verified"], seen["reason"], seen["protocol"]) == (True, "", "TLSv1.3")
        assert (seen["names"], seen["self_signed"]) == ([HOST, "lab1.test"], False)
        assert "lab1" in seen["issuer"]
        assert seen["key"] == "EC 256"
        assert seen["days"] > 1
        assert seen["chain"] >= 1  # the whole chain from Python 3.13 on
        assert shaken(port, pair, version="1.2")["protocol"] == "TLSv1.2"


def test_tls_says_why_it_does_not_trust(pair: Pair, tmp_path: Path) -> None:
    key = keys.new_ec()
    own = leaf.self_signed((HOST,), key, _serial(), NOW) + keys.to_pem(key)
    with https(own, tmp_path) as port:
        seen = shaken(port, pair)
    assert (seen["verified"], seen["self_signed"], seen["chain"]) == (False, True, 1)
    assert "self-signed" in seen["reason"]
    with https(pair.signed(), tmp_path) as port:
        other = shaken(port, pair, host="other.lab1.test")
    assert (other["verified"], other["names"]) == (False, [HOST, "lab1.test"])
    with https(pair.signed(NOW - timedelta(days=4000)), tmp_path) as port:
        old = shaken(port, pair)
    assert not old["verified"]
    assert old["days"] < 0
    assert "expired" in old["reason"]


def test_tls_of_who_speaks_none(site: str, pair: Pair) -> None:
    seen = shaken(int(site.rpartition(":")[2]), pair)
    assert "SSLError" in seen["error"]


@pytest.mark.parametrize("shown", [["AAAA"], ["%%%"], [17], "no list", []])
def test_a_certificate_that_is_none(shown: Any) -> None:
    assert "error" in certificates.described({"verified": True, "certificates": shown})


class Echo(socketserver.StreamRequestHandler):
    """Greets, and answers the first line; the peer may ask it to be silent."""

    def handle(self) -> None:
        self.wfile.write(b"hello\n")
        line = self.rfile.readline()
        self.wfile.write(b"you said " + line)


class Datagrams(socketserver.BaseRequestHandler):
    """Answers datagrams but those that ask for silence."""

    def handle(self) -> None:
        data, peer = self.request
        if data != b"silence":
            peer.sendto(b"got " + data, self.client_address)


def conversed(protocol: str, port: int, seconds: float = 5, **question: Any) -> dict[str, Any]:
    """What a conversation on this host shows."""
    question |= {"host": "127.0.0.1", "port": port}
    reads = protocol == "udp" or bool(question.get("until") or question.get("read"))
    done = subprocess.run(
        conversation.words(protocol, question, seconds, reads), input=conversation.work(question),
        capture_output=True, timeout=20, check=True,
    )  # fmt: skip
    return conversation.understood(done.stdout)


def test_tcp_connects_sends_and_reads() -> None:
    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo)) as port:
        assert conversed("tcp", port)["state"] == "connected"
        assert conversed("tcp", port, read=True)["reply"] == "hello\n"
        seen = conversed("tcp", port, send="héllo\n", until="you said")
        assert seen["reply"].startswith("hello\nyou said")
        assert conversed("tcp", port, 2, until="never said")["reply"] == "hello\n"
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert conversed("tcp", bound.getsockname()[1])["state"] == "refused"


def test_udp_sends_and_waits() -> None:
    with serving(socketserver.ThreadingUDPServer(("127.0.0.1", 0), Datagrams)) as port:
        seen = conversed("udp", port, send="ping")
        assert (seen["state"], seen["reply"]) == ("connected", "got ping")
        assert conversed("udp", port, 1.5, send="silence")["state"] == "timed out"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        shut = bound.getsockname()[1]
    assert conversed("udp", shut, send="ping")["state"] == "refused"


@pytest.mark.parametrize(
    "output", [b"", b"connected", b"open x\n", b"forged 1\nreply", b"\xff 1\n"]
)
def test_a_conversation_that_was_none(output: bytes) -> None:
    assert conversation.understood(output)["error"].startswith("no connection was tried: ")


def looked_at(path: Path | str) -> dict[str, Any]:
    done = subprocess.run([*machine.FILE, str(path)], capture_output=True, check=True)
    return machine.file_seen(done.stdout)


def test_a_file_is_seen_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "a\nb"
    file.write_bytes(b"one\n\xfftwo\n")
    file.chmod(0o640)
    seen = looked_at(file)
    assert (seen["exists"], seen["type"], seen["mode"], seen["size"]) == (True, "file", "0640", 9)
    assert seen["content"] == "one\n\N{REPLACEMENT CHARACTER}two\n"
    assert seen["owner"] == Path(file).owner()
    (tmp_path / "link").symlink_to(file)
    link = looked_at(tmp_path / "link")
    assert (link["type"], link["target"], link["content"]) == (
        "link", str(file).replace("\n", "?"), seen["content"],
    )  # fmt: skip
    assert looked_at(tmp_path)["type"] == "directory"
    assert looked_at("/dev/null")["type"] == "other"


def test_of_a_file_only_so_much_is_read(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 10**6)
    seen = looked_at(tmp_path / "large")
    assert (seen["size"], len(seen["content"])) == (10**6, 60_000)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    assert looked_at(tmp_path / "none") == {"exists": False}
    os.mkfifo(tmp_path / "pipe")
    assert looked_at(tmp_path / "pipe")["content"] == ""
    assert "error" in machine.file_seen(b"file\n0644\nroot\n")


def test_processes_are_found_by_name() -> None:
    with subprocess.Popen(["sleep", "47.11"]) as process:
        done = subprocess.run(machine.PROCESSES, capture_output=True, check=True)
        process.kill()
    seen = machine.processes_seen(done.stdout, {"name": "sleep", "holding": "47.11"})
    assert (seen["running"], seen["count"], seen["commands"]) == (True, 1, ["sleep 47.11"])
    other = machine.processes_seen(done.stdout, {"name": "sleep", "holding": "47.12"})
    assert (other["running"], other["count"], other["users"]) == (False, 0, [])
