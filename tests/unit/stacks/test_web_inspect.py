"""The programs of web-inspect by real clients: both servers, and finding one's own address."""

from __future__ import annotations

import http.client
import importlib.util
import ipaddress
import json
import socket
import subprocess
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest

from labctl.checks.ws import ask as ask_websocket
from tests.unit.stacks.running import STACKS, loaded, running


@pytest.fixture(scope="module")
def raw() -> Iterator[int]:
    with running("web-inspect/raw/raw_server.py") as (port, _):
        yield port


@pytest.fixture(scope="module")
def handler() -> Iterator[int]:
    with running("web-inspect/handler/handler_server.py") as (port, _):
        yield port


@pytest.fixture(scope="module")
def live() -> Iterator[int]:
    with running("web-inspect/live/live.py") as (port, _):
        yield port


def ask(
    port: int, path: str, method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    found = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    connection.close()
    return found


def test_the_raw_server_sends_its_page_whole(raw: int) -> None:
    status, headers, body = ask(raw, "/?a=b")
    assert status == 200
    assert int(headers["content-length"]) == len(body) != len(body.decode())
    assert body.decode().endswith("</html>\n")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("HEAD", "/", 200), ("GET", "/x", 404), ("POST", "/", 405), ("DELETE", "/", 405)],
)
def test_the_raw_server_knows_the_rules(raw: int, method: str, path: str, status: int) -> None:
    found, headers, _ = ask(raw, path, method, b"x" * 50_000 if method == "POST" else None)
    assert found == status
    assert headers.get("allow", "") == ("GET, HEAD" if status == 405 else "")


@pytest.mark.parametrize(
    "sent", [b"hello\r\n\r\n", b"GET /\r\n\r\n", b"\x16\x03\x01\r\n\r\n", b"\r\n\r\n"]
)
def test_the_raw_server_says_so_where_something_is_no_http(raw: int, sent: bytes) -> None:
    with socket.create_connection(("127.0.0.1", raw), 10) as odd:
        odd.sendall(sent)
        odd.shutdown(socket.SHUT_WR)
        received = odd.makefile("rb").read()
    assert received.startswith(b"HTTP/1.1 400 ") or (sent == b"\r\n\r\n" and not received)


def test_a_request_may_come_in_pieces(raw: int) -> None:
    with socket.create_connection(("127.0.0.1", raw), 10) as slow:
        for piece in (b"GE", b"T / HTTP/1.1\r\nHo", b"st: x\r\n\r", b"\n"):
            slow.sendall(piece)
        assert slow.recv(15) == b"HTTP/1.1 200 OK"


def test_the_other_server_keeps_its_connection(handler: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", handler, timeout=10)
    for path, status in (("/", 200), ("/ip", 200), ("/none", 404), ("/echo", 405), ("/", 200)):
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


def test_the_other_server_says_its_own_address(handler: int) -> None:
    found = json.loads(ask(handler, "/ip", **{"X-Real-IP": "192.0.2.9"})[2])
    assert found["speaks to me"] == "127.0.0.1"
    assert found["asks, says the front"] == "192.0.2.9"
    assert set(found) == {"mine", "speaks to me", "asks, says the front"}


def test_what_a_client_says_is_text_in_the_page(handler: int) -> None:
    body = ask(handler, "/", **{"X-Odd": "<script>alert(1)</script>"})[2]
    assert b"&lt;script&gt;" in body
    assert b"<script>" not in body


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [("/echo", b"h\xc3\xa9", {}, 200), ("/", b"x", {}, 405),
     ("/echo", iter([b"x"]), {}, 411), ("/echo", b"x" * 70_000, {}, 413)],
)  # fmt: skip
def test_what_is_posted(
    handler: int, path: str, body: Any, headers: dict[str, str], status: int
) -> None:
    found = ask(handler, path, "POST", body, **headers)
    assert found[0] == status
    if status == 200:
        assert found[2] == body


def test_the_address_is_the_one_that_the_routing_table_gives() -> None:
    file = STACKS / "web-inspect/handler/find_my_ip.py"
    module = loaded(file)
    mine = module.find_my_ip()
    for example in module.EXAMPLES:
        assert not ipaddress.ip_address(example).is_global
    command = ["ip", "-json", "route", "get", module.EXAMPLES[0]]
    told = subprocess.run(command, capture_output=True, check=False)
    assert mine == (None if told.returncode else json.loads(told.stdout)[0]["prefsrc"])


def test_a_login_sets_a_cookie_and_leads_back(live: int) -> None:
    form = urllib.parse.urlencode({"name": "<i>Ann", "password": "s3cret"})
    status, headers, _ = ask(live, "/login", "POST", form,
                             **{"Content-Type": "application/x-www-form-urlencoded"})  # fmt: skip
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    page = ask(live, "/", Cookie=cookie.partition(";")[0])[2].decode()
    assert "&lt;i&gt;Ann" in page
    assert "nobody yet" in ask(live, "/")[2].decode()


def test_the_clock_speaks_without_being_asked(live: int) -> None:
    url = f"ws://127.0.0.1:{live}/ws"
    assert ask_websocket({"url": url, "until": '"time"'})["delivered"]
    assert ask_websocket({"url": url, "send": ["coucou"], "until": "coucou"})["delivered"]
    assert ask_websocket({"url": url, "origin": "https://evil.example"})["status"] == 403
