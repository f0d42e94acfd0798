"""The inspector hands on what it gets, streams, and remembers within its bounds."""

from __future__ import annotations

import asyncio
import hashlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.websocket import websocket_connect

from tests.e2e.support.wait import eventually
from tests.unit.inspector.support import BIG, HOST, Backend, Inspector, free_ports, inspecting


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    running = Backend()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def running(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inspector]:
    with inspecting(tmp_path_factory.mktemp("inspector"), backend.port) as one:
        yield one


@pytest.fixture
def inspector(backend: Backend, running: Inspector) -> Inspector:
    """One that has seen nothing yet."""
    for event in backend.events.values():
        backend.loop.call_soon_threadsafe(event.clear)
    backend.seen.clear()
    assert running.own("/clear", "POST")[0] == 204
    return running


def last(inspector: Inspector) -> dict[str, Any]:
    return inspector.entries()[-1]


def test_a_response_passes_unchanged_and_is_remembered(
    inspector: Inspector, backend: Backend
) -> None:
    status, headers, body = inspector.ask("/echo?a=1&b=", X_Real_IP="192.0.2.7", Cookie="a=b; c=d")
    assert (status, body, headers["content-length"]) == (200, b"hello", "5")
    entry = last(inspector)
    assert entry["request"]["url"] == f"http://{HOST}/echo?a=1&b="
    assert entry["request"]["queryString"] == [
        {"name": "a", "value": "1"}, {"name": "b", "value": ""},
    ]  # fmt: skip
    assert entry["request"]["cookies"] == [
        {"name": "a", "value": "b"}, {"name": "c", "value": "d"},
    ]  # fmt: skip
    assert entry["response"]["status"] == 200
    assert entry["response"]["content"]["text"] == "hello"
    assert entry["_state"] == "done"
    assert entry["timings"]["wait"] >= 0


def test_the_fronts_note_is_read_and_never_handed_on(
    inspector: Inspector, backend: Backend
) -> None:
    inspector.ask("/echo", Inspect_Connection="HTTP/2.0 17 3", X_Forwarded_Proto="https")
    _, headers, _ = backend.seen[-1]
    assert not [name for name in headers if name.lower().startswith("inspect")]
    entry = last(inspector)
    assert entry["request"]["httpVersion"] == "HTTP/2.0"
    assert entry["connection"] == "17"
    assert entry["request"]["url"].startswith("https://")


def test_what_comes_is_handed_on_before_the_rest_is_there(
    inspector: Inspector, backend: Backend
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", inspector.relay, timeout=10)
    connection.request("GET", "/stream", headers={"Host": HOST})
    answer = connection.getresponse()
    assert answer.read(6) == b"first "
    assert last(inspector)["_state"] == "open"
    backend.set("go")
    assert answer.read() == b"second"
    connection.close()
    assert last(inspector)["response"]["content"]["text"] == "first second"


def test_a_body_is_handed_on_before_its_end(inspector: Inspector, backend: Backend) -> None:
    def body() -> Iterator[bytes]:
        yield b"x" * 1000
        backend.wait("piece")
        yield b"y" * 500

    status, _, said = inspector.ask("/upload", "POST", body())
    assert (status, said) == (200, b"1500")
    assert last(inspector)["request"]["bodySize"] == 1500


def test_one_connection_carries_many_requests_of_all_framings(inspector: Inspector) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", inspector.relay, timeout=10)
    asked = [
        ("GET", "/echo"),
        ("HEAD", "/echo"),
        ("GET", "/big"),
        ("GET", "/gzip"),
        ("GET", "/echo"),
    ]
    sizes = []
    for method, path in asked:
        connection.request(method, path, headers={"Host": HOST})
        sizes.append(len(connection.getresponse().read()))
    connection.close()
    assert sizes[:3] == [5, 0, len(BIG.encode())]
    assert [entry["request"]["method"] for entry in inspector.entries()] == [m for m, _ in asked]


def test_a_large_body_is_counted_and_only_its_beginning_kept(inspector: Inspector) -> None:
    inspector.ask("/big")
    content = last(inspector)["response"]["content"]
    assert content["size"] == len(BIG.encode())
    assert content["text"] == "é" * (64 * 1024 // 2)
    assert content["comment"] == f"cut: the first 65536 of {len(BIG.encode())} bytes"


def test_a_compressed_body_is_shown_as_it_was(inspector: Inspector) -> None:
    _, headers, _ = inspector.ask("/gzip")
    assert headers["content-encoding"] == "gzip"
    response = last(inspector)["response"]
    assert response["content"]["text"] == "plain words" * 10
    assert response["content"]["size"] == len("plain words" * 10) > response["bodySize"]


def test_bytes_that_are_no_text_are_base64(inspector: Inspector) -> None:
    inspector.ask("/echo", "POST", b"\xff\x00\xfe")
    posted = last(inspector)["request"]["postData"]
    assert (posted["text"], posted["encoding"]) == ("/wD+", "base64")


def test_cookies_are_told_as_they_were_sent(inspector: Inspector) -> None:
    inspector.ask("/echo", Cookie='seen=[1,2]; basket={"tea":1}; ; flag')
    assert [(one["name"], one["value"]) for one in last(inspector)["request"]["cookies"]] == [
        ("seen", "[1,2]"), ("basket", '{"tea":1}'), ("flag", ""),
    ]  # fmt: skip


def test_cookies_that_are_set_have_their_attributes(inspector: Inspector) -> None:
    inspector.ask("/cookie")
    (cookie,) = last(inspector)["response"]["cookies"]
    assert (cookie["name"], cookie["value"], cookie["path"]) == ("session", "s3cret", "/")
    assert (cookie["httpOnly"], cookie["secure"], cookie["sameSite"]) == (True, False, "Lax")


def test_a_client_that_goes_away_is_not_kept_waiting_for(
    inspector: Inspector, backend: Backend
) -> None:
    with socket.create_connection(("127.0.0.1", inspector.relay)) as impatient:
        impatient.sendall(f"GET /hang HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        backend.wait("hanging")
    backend.wait("gone")
    eventually(lambda: last(inspector)["_state"] == "broken")
    assert "went away" in last(inspector)["_error"]


def test_where_nobody_answers_it_says_502(tmp_path: Path) -> None:
    (nobody,) = free_ports(1)
    with inspecting(tmp_path, nobody) as inspector:
        assert inspector.ask("/")[0] == 502
        assert last(inspector)["_state"] == "broken"
        assert last(inspector)["response"]["status"] == 0


@pytest.mark.parametrize(
    "sent",
    [b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n", b"\r\n\r\n",
     b"GET / HTTP/1.1\r\nno field\r\n\r\n", b"\x16\x03\x01" + b"\0" * 50 + b"\r\n\r\n",
     b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
     b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n"],
)  # fmt: skip
def test_what_is_no_http_ends_the_connection_and_nothing_else(
    inspector: Inspector, sent: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", inspector.relay), 10) as odd:
        odd.sendall(sent)
        odd.settimeout(10)
        while odd.recv(1000):
            pass
    assert inspector.ask("/echo")[0] == 200


def test_hosts_that_are_no_site_are_handed_on_and_not_remembered(inspector: Inspector) -> None:
    assert inspector.ask("/echo", Host="ready.invalid")[0] == 200
    assert inspector.entries() == []


def talk(inspector: Inspector, path: str, *messages: str | bytes, **options: Any) -> list[Any]:
    async def scene() -> list[Any]:
        request = HTTPRequest(f"ws://127.0.0.1:{inspector.relay}{path}", headers={"Host": HOST})
        socket = await websocket_connect(request, **options)
        got: list[Any] = []
        for message in messages:
            await socket.write_message(message, binary=isinstance(message, bytes))
            got.append(await asyncio.wait_for(_next(socket), 10))
        if None not in got:
            socket.close(1000, "enough")
            assert await asyncio.wait_for(_next(socket), 10) is None
        return [*got, socket.close_code]

    return asyncio.run(scene())


async def _next(socket: Any) -> Any:
    return await socket.read_message()


def test_frames_of_both_sides_are_seen(inspector: Inspector) -> None:
    assert talk(inspector, "/ws", "hé", b"\0\1")[:2] == ["hé", b"\0\1"]
    entry = eventually(lambda: inspector.entries()[0])
    eventually(lambda: inspector.entries()[0]["_state"] == "done")
    entry = inspector.entries()[0]
    assert entry["request"]["url"] == f"ws://{HOST}/ws"
    assert entry["timings"]["wait"] > 0, "the answer is waited for, and not sent"
    told = [(m["type"], m["_kind"], m["data"], m["_masked"]) for m in entry["_webSocketMessages"]]
    assert told[:4] == [
        ("send", "text", "hé", True),
        ("receive", "text", "hé", False),
        ("send", "binary", "AAE=", True),
        ("receive", "binary", "AAE=", False),
    ]
    assert entry["_webSocketMessages"][4]["_code"] == 1000
    assert entry["_closed"].startswith("1000 by the client")


def test_compressed_frames_are_shown_as_they_were(inspector: Inspector) -> None:
    long = "the same words again and again " * 50
    got = talk(inspector, "/ws?deflate=1", long, long, compression_options={})
    assert got[:2] == [long, long]
    messages = inspector.entries()[0]["_webSocketMessages"]
    texts = [m for m in messages if m["_kind"] == "text"]
    assert [m["data"] for m in texts] == [long] * 4
    assert all(m["_compressed"] and m["_size"] < 200 for m in texts)


@pytest.mark.parametrize(
    ("message", "closed"),
    [("close", "4001 by the server"), ("cut", "1006, without a close frame")],
)
def test_how_a_connection_ended(inspector: Inspector, message: str, closed: str) -> None:
    talk(inspector, "/ws", message)
    eventually(lambda: inspector.entries()[0]["_state"] == "done")
    assert inspector.entries()[0]["_closed"].startswith(closed)


@contextmanager
def tunnel(folder: Path, *fields: str) -> Iterator[tuple[Inspector, socket.socket, socket.socket]]:
    """An inspector between a client and a server that have agreed on WebSocket, with a socket each.

    ``fields`` are further ones of the server's head.
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        inspecting(folder, listening.getsockname()[1]) as inspector,
        socket.create_connection(("127.0.0.1", inspector.relay), 10) as client,
    ):
        asked = f"GET /ws HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: x\r\n\r\n".encode()
        client.sendall(asked)
        server, _ = listening.accept()
        with server:
            server.settimeout(10)
            assert server.recv(len(asked), socket.MSG_WAITALL) == asked
            lines = ("HTTP/1.1 101 Switching Protocols", "Upgrade: x", *fields, "", "")
            answer = "\r\n".join(lines).encode()
            server.sendall(answer)
            assert client.recv(len(answer), socket.MSG_WAITALL) == answer
            yield inspector, client, server


def test_each_side_closes_once_however_often_it_says_so(tmp_path: Path) -> None:
    with tunnel(tmp_path) as (inspector, client, _):
        client.sendall(b"\x88\x82\0\0\0\0\x03\xe8" * 200)
        client.shutdown(socket.SHUT_WR)
        eventually(lambda: last(inspector)["_state"] == "done")
        assert last(inspector)["_closed"] == "1000 by the client"


def test_a_compressed_message_may_be_the_last_one(tmp_path: Path) -> None:
    """Its last block says so (RFC 7692 section 7.2.3.4); what follows holds nobody up."""
    packer = zlib.compressobj(wbits=-15)
    packed = packer.compress(b"x" * 200_000) + packer.flush() + b"and more"
    frame = b"\xc1" + bytes([0x80 | 126]) + len(packed).to_bytes(2, "big") + bytes(4) + packed
    with tunnel(tmp_path, "Sec-WebSocket-Extensions: permessage-deflate") as (
        inspector, client, server,
    ):  # fmt: skip
        client.sendall(frame * 2)
        assert server.recv(2 * len(frame), socket.MSG_WAITALL) == frame * 2
        eventually(lambda: len(last(inspector)["_webSocketMessages"]) == 2)
        first, second = last(inspector)["_webSocketMessages"]
        assert first["data"] == "x" * 65536
        assert second["_size"] == len(packed)


@pytest.mark.parametrize("target", ["//[", "/?a=%zz&=&b"])
def test_the_archive_is_whole_whatever_was_asked_for(inspector: Inspector, target: str) -> None:
    with socket.create_connection(("127.0.0.1", inspector.relay), 10) as odd:
        odd.sendall(f"GET {target} HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode("latin-1"))
        assert odd.recv(1000)
    inspector.ask("/echo")
    urls = [entry["request"]["url"] for entry in inspector.entries()]
    assert urls == [f"http://{HOST}{target}", f"http://{HOST}/echo"]


def test_it_forgets_the_oldest(backend: Backend, tmp_path: Path) -> None:
    with inspecting(tmp_path, backend.port, exchanges=10) as inspector:
        for number in range(25):
            inspector.ask(f"/echo?{number}")
        urls = [entry["request"]["url"] for entry in inspector.entries()]
        assert urls == [f"http://{HOST}/echo?{number}" for number in range(15, 25)]


def test_its_memory_is_bounded_however_much_passes(backend: Backend, tmp_path: Path) -> None:
    with inspecting(tmp_path, backend.port, memory=300_000) as inspector:
        for _ in range(20):
            inspector.ask("/big")
        kept = sum(len(e["response"]["content"]["text"].encode()) for e in inspector.entries())
        assert 60_000 < kept <= 300_000


def test_the_archive_of_one_site_and_what_was_seen(inspector: Inspector) -> None:
    assert inspector.own(f"/seen?host={HOST}")[0] == 404
    inspector.ask("/echo")
    status, _, body = inspector.own(f"/seen?host={HOST}")
    assert (status, json.loads(body)["exchanges"]) == (200, 1)
    assert len(inspector.entries("www")) == 1
    assert inspector.entries("other") == []


def test_changes_come_as_they_happen(inspector: Inspector) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", inspector.page, timeout=10)
    connection.request("GET", "/events")
    answer = connection.getresponse()
    assert answer.getheader("content-type") == "text/event-stream"
    inspector.ask("/cookie")
    told = json.loads(_event(answer, "changed"))["exchanges"]
    assert told[0]["path"] == "/cookie"
    assert inspector.own("/clear", "POST")[0] == 204
    _event(answer, "cleared")
    connection.close()
    assert inspector.entries() == []


def _event(answer: http.client.HTTPResponse, name: str) -> str:
    while answer.readline().strip() != f"event: {name}".encode():
        pass
    return answer.readline().decode().removeprefix("data: ")


def test_another_sites_page_cannot_clear(inspector: Inspector) -> None:
    inspector.ask("/echo")
    assert inspector.own("/clear", "POST", Origin="https://evil.example")[0] == 403
    assert len(inspector.entries()) == 1


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "GET", 200), ("/", "HEAD", 200), ("/", "POST", 405), ("/clear", "GET", 405),
     ("/nothing", "GET", 404), ("/exchange/1", "GET", 404), ("/exchange/x", "GET", 404),
     ("/../inspector/har.py", "GET", 404), ("/inspect.js", "GET", 200)],
)  # fmt: skip
def test_its_own_pages(inspector: Inspector, path: str, method: str, status: int) -> None:
    found, headers, _ = inspector.own(path, method)
    assert found == status
    assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("shown", "status"),
    [("", 401), ("Basic d2hvZXZlcjpzM2NyZXQ=", 200), ("basic OnMzY3JldA==", 200),
     ("Basic czNjcmV0", 401), ("Basic d2hvZXZlcjpvdGhlcg==", 401), ("Basic é", 401),
     ("Bearer d2hvZXZlcjpzM2NyZXQ=", 401)],
)  # fmt: skip
def test_with_a_password_its_pages_are_for_who_shows_it(
    closed: Inspector, shown: str, status: int
) -> None:
    more = {"Authorization": shown} if shown else {}
    for path in ("/", "/har", "/inspect.js", "/exchange/1", "/missing"):
        found, headers, body = closed.own(path, **more)
        assert found == (404 if status == 200 and path in ("/exchange/1", "/missing") else status)
        assert ("www-authenticate" in headers) == (status == 401)
        assert status == 200 or b"www" not in body
    assert closed.own("/clear", "POST", **more)[0] == (204 if status == 200 else 401)


def test_checks_ask_without_a_password_how_often_a_host_was_asked(closed: Inspector) -> None:
    assert closed.ask("/echo")[0] == 200
    assert json.loads(closed.own(f"/seen?host={HOST}")[2]) == {"host": HOST, "exchanges": 1}


@pytest.fixture(scope="module")
def closed(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Inspector]:
    login = hashlib.sha256(b"s3cret").hexdigest()
    with inspecting(tmp_path_factory.mktemp("closed"), backend.port, login=login) as one:
        yield one


def test_new_names_are_read_without_breaking_a_connection(backend: Backend, tmp_path: Path) -> None:
    with inspecting(tmp_path, backend.port) as inspector:
        _renamed(inspector)


def _renamed(inspector: Inspector) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", inspector.relay, timeout=10)
    connection.request("GET", "/echo", headers={"Host": HOST})
    connection.getresponse().read()
    told = json.loads(inspector.config.read_text())
    inspector.config.write_text(json.dumps(told | {"sites": {"new.x.test": "new"}}))
    inspector.process.send_signal(signal.SIGHUP)

    def seen() -> bool:
        connection.request("GET", "/echo", headers={"Host": "new.x.test"})
        assert connection.getresponse().read() == b"hello"
        return len(inspector.entries("new")) > 0

    eventually(seen)
    connection.close()


@pytest.mark.parametrize("text", ["", "{}", '{"relay": "82"}', "[]"])
def test_a_wrong_configuration_is_refused_before_it_is_used(tmp_path: Path, text: str) -> None:
    file = tmp_path / "c.json"
    file.write_text(text)
    run = subprocess.run(
        [sys.executable, "-m", "labctl.inspector", "--test", str(file)], check=False,
        capture_output=True,
    )  # fmt: skip
    assert run.returncode == 1
    assert b"Traceback" not in run.stderr
