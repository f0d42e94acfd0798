"""The chat of web-chat, run as it is run in the lab: three ways in, limits, and every ending."""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from labctl.checks.ws import ask
from tests.e2e.support.wait import eventually
from tests.unit.stacks.running import STACKS, running

CHAT = STACKS / "web-chat" / "chat"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with running("web-chat/chat/chat.py", PROVOKE="1") as (found, _):
        yield found


@pytest.fixture
def room(request: pytest.FixtureRequest) -> str:
    """One that no other test uses."""
    return f"r{abs(hash(request.node.name)) % 10**9}"


def url(port: int, room: str, **more: str) -> str:
    words = "".join(f"&{key}={value}" for key, value in more.items())
    return f"ws://127.0.0.1:{port}/ws?room={room}{words}"


def get(port: int, path: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, json.loads(body) if answer.status == 200 else body


def post(port: int, body: Any, **headers: str) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    data = body if isinstance(body, str) else json.dumps(body)
    connection.request("POST", "/say", data.encode(), headers)
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    return answer.status, json.loads(said) if answer.status == 200 else said


def got(seen: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [m for m in map(json.loads, seen["received"]) if m["type"] == kind]


def test_a_message_reaches_all_and_a_newcomer_gets_the_history(port: int, room: str) -> None:
    asked = {"url": url(port, room), "until": "<b>hi</b>"}
    sent = json.dumps({"text": "<b>hi</b>"})
    seen = ask({**asked, "send": [sent], "others": [asked, asked], "late": [asked]})
    assert seen["delivered"]
    assert got(seen["late"][0], "welcome")[0]["history"][0]["text"] == "<b>hi</b>"
    assert [m["id"] for m in got(seen["others"][0], "message")] == [1]


def test_who_comes_back_gets_what_they_missed_and_nothing_twice(port: int, room: str) -> None:
    lines = [f"line {number}." for number in range(12)]
    ask({"url": url(port, room), "send": lines, "until": lines[-1]})
    seen = ask({"url": url(port, room, since="9"), "until": "welcome"})
    assert [m["id"] for m in got(seen, "welcome")[0]["history"]] == [10, 11, 12]


def test_the_others_hear_who_comes_and_goes(port: int, room: str) -> None:
    async def scene() -> list[Any]:
        first = await websocket_connect(url(port, room, name="Ann"))
        await first.read_message()
        await presence(first)
        second = await websocket_connect(url(port, room, name="Bob"))
        came = await presence(first)
        second.close()
        went = await presence(first)
        first.close()
        return [came, went]

    came, went = asyncio.run(asyncio.wait_for(scene(), 10))
    assert (came["joined"], came["left"], came["count"]) == (["Bob"], [], 2)
    assert (went["joined"], went["left"], went["count"]) == ([], ["Bob"], 1)


def test_many_who_come_at_once_are_few_events(port: int, room: str) -> None:
    async def scene() -> list[Any]:
        first = await websocket_connect(url(port, room, name="Ann"))
        names = [f"guest-of-ann-{number}" for number in range(40)]
        others = await asyncio.gather(*(websocket_connect(url(port, room, name=n)) for n in names))
        found = [await presence(first)]
        while found[-1]["count"] < 41:
            found.append(await presence(first))
        for one in (first, *others):
            one.close()
        assert {name for told in found for name in told["joined"]} == {"Ann", *names}
        return found

    assert len(asyncio.run(asyncio.wait_for(scene(), 10))) < 20


async def presence(ws: WebSocketClientConnection) -> Any:
    """The next word about who is there."""
    while True:
        message = json.loads(await ws.read_message() or "{}")
        if message["type"] == "presence":
            return message


def test_the_server_speaks_first(port: int, room: str) -> None:
    assert ask({"url": url(port, room), "until": '"type": "time"'})["delivered"]


def test_a_poll_waits_until_something_is_said(port: int, room: str) -> None:
    found: list[Any] = []
    asking = threading.Thread(target=lambda: found.append(get(port, f"/poll?room={room}&since=0")))
    asking.start()
    assert post(port, {"room": room, "name": "Ann", "text": "coucou"})[0] == 200
    asking.join(10)
    ((status, answer),) = found
    assert status == 200
    assert (answer["messages"][0]["text"], answer["since"]) == ("coucou", 1)
    assert get(port, f"/poll?room={room}&since=1&wait=0")[1] == {"messages": [], "since": 1}


def test_events_come_on_one_answer_and_go_on_where_they_stopped(port: int, room: str) -> None:
    post(port, {"room": room, "text": "before"})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", f"/events?room={room}&name=Eve")
    answer = connection.getresponse()
    assert answer.getheader("Content-Type") == "text/event-stream"
    assert event(answer)["history"][0]["text"] == "before"
    post(port, {"room": room, "text": "while"})
    assert event(answer, "message")["text"] == "while"
    connection.close()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", f"/events?room={room}", headers={"Last-Event-ID": "2"})
    assert event(connection.getresponse())["history"] == []
    connection.close()


def event(answer: http.client.HTTPResponse, kind: str = "welcome") -> dict[str, Any]:
    while True:
        line = answer.readline().decode()
        assert line, "ended"
        if line.startswith("data: "):
            found: dict[str, Any] = json.loads(line.removeprefix("data: "))
            if found["type"] == kind:
                return found


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ({"room": "UPPER", "text": "x"}, {}, 400),
        ({"room": 1, "text": "x"}, {}, 400),
        ({"text": ""}, {}, 400),
        ({"text": "x" * 1001}, {}, 400),
        ({"text": 5}, {}, 400),
        ("[]", {}, 400),
        ("no json", {}, 400),
        ("[" * 8000, {}, 400),
        ({"text": "x"}, {"Origin": "https://evil.example"}, 403),
        ({"text": "x"}, {"Origin": "http://127.0.0.1"}, 200),
    ],
)
def test_what_is_taken_by_post(
    port: int, body: Any, headers: dict[str, str], status: int
) -> None:
    assert post(port, body, **headers)[0] == status


@pytest.mark.parametrize("path", ["/ws?room=..", "/poll?room=A", "/events?room=a b", "/poll?since=x"])
def test_a_malformed_question(port: int, path: str) -> None:
    assert get(port, path.replace(" ", "%20"))[0] == 400


@pytest.mark.parametrize("message", ["", "   ", "x" * 1001, "{}", '{"text": 1}', "[" * 5000])
def test_a_message_that_is_not_taken_is_an_error_and_not_the_end(
    port: int, room: str, message: str
) -> None:
    seen = ask({"url": url(port, room), "send": [message, "fine"], "until": '"text": "fine"'})
    assert seen["delivered"]
    assert len(got(seen, "error")) == 1


def test_another_sites_page_may_not_connect(port: int, room: str) -> None:
    assert ask({"url": url(port, room), "origin": "https://evil.example"})["status"] == 403


def test_every_close_code_is_provoked_and_seen(port: int) -> None:
    command = [sys.executable, str(CHAT / "close_codes.py"), f"ws://127.0.0.1:{port}/ws"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    codes = [line.split()[0] for line in run.stdout.splitlines()]
    assert codes == ["1000", "1001", "1006", "1008", "1009", "1011"]


def test_without_permission_nothing_is_provoked(room: str) -> None:
    with running("web-chat/chat/chat.py") as (found, _):
        seen = ask({"url": url(found, room), "send": ["/fail"], "until": '"/fail"'})
        assert seen["delivered"]


def test_a_client_that_does_not_read_is_dropped_and_told(port: int, room: str) -> None:
    """Its buffers full, it is out of the room; the close frame is behind what it has not read."""
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(
            f"GET /ws?room={room}&name=slow HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
            f"{base64.b64encode(os.urandom(16)).decode()}\r\n\r\n".encode()
        )
        assert slow.recv(12) == b"HTTP/1.1 101"
        assert any(posted_until_gone(port, room) for _ in range(200))
        slow.settimeout(10)
        received = b""
        while piece := _read(slow):
            received = (received + piece)[-4096:]
        assert b"\x88\x0a\x03\xf5too slow" in received


@pytest.fixture
def small(tmp_path: Path) -> Iterator[int]:
    """The chat with two rooms and two members at most."""
    shutil.copytree(CHAT, tmp_path / "chat")
    rooms = tmp_path / "chat" / "rooms.py"
    text = rooms.read_text()
    rooms.write_text(text.replace("MAX_MEMBERS = 200, 2000", "MAX_MEMBERS = 2, 2"))
    assert rooms.read_text() != text
    with running(tmp_path / "chat" / "chat.py") as (found, _):
        yield found


def test_a_full_server_says_try_again_later(small: int) -> None:
    one = {"url": url(small, "one"), "until": "welcome"}
    seen = ask({**one, "others": [one], "late": [one]})
    assert got(seen, "welcome")
    assert got(seen["others"][0], "welcome")
    assert (seen["late"][0]["received"], seen["late"][0]["closed"]) == ([], 1013)


def test_no_more_rooms_than_fit_and_an_empty_one_gives_way(small: int) -> None:
    def there(room: str) -> dict[str, str]:
        return {"url": url(small, room), "until": "welcome"}

    seen = ask({**there("one"), "others": [there("two")], "late": [there("three")]})
    assert seen["others"][0]["opened"]
    assert seen["late"][0]["status"] == 503
    eventually(lambda: ask(there("three"))["delivered"])  # they have left


def posted_until_gone(port: int, room: str) -> bool:
    """Say much, each message many bytes; whether somebody is no longer there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for _ in range(20):
        connection.request("POST", "/say", _long(room))
        assert connection.getresponse().read()
    connection.close()
    seen = ask({"url": url(port, room, since="999999"), "until": "welcome"})
    return "slow" not in got(seen, "welcome")[0]["members"]


def _long(room: str) -> bytes:
    """A message in UTF-8: 4 bytes a character on the way in, 12 on the way out."""
    text = "\N{GRINNING FACE}" * 1000
    return json.dumps({"room": room, "text": text}, ensure_ascii=False).encode()


def _read(slow: socket.socket) -> bytes:
    try:
        return slow.recv(65536)
    except ConnectionResetError:
        return b""


def test_sigterm_closes_every_connection_as_going_away(room: str) -> None:
    with running("web-chat/chat/chat.py") as (found, process):

        async def talk() -> tuple[int | None, str | None]:
            ws = await websocket_connect(url(found, room))
            await ws.read_message()
            process.send_signal(signal.SIGTERM)
            while await ws.read_message() is not None:
                pass
            return ws.close_code, ws.close_reason

        assert asyncio.run(talk()) == (1001, "the server goes down")
        assert process.wait(10) == 0


def test_the_command_line_client_comes_back(room: str) -> None:
    with running("web-chat/chat/chat.py", PROVOKE="1") as (found, _):
        command = [sys.executable, str(CHAT / "chat_client.py"), url(found, room, name="Ann")]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as client:
            assert client.stdin
            assert client.stdout
            lines = iter(client.stdout.readline, "")
            assert next(lines) == "* you are Ann; here: Ann\n"
            client.stdin.write("salut \x1b[31m\n/cut\n")
            client.stdin.flush()
            seen = [line for line in _until(lines, "again in")]
            assert "Ann: salut �[31m\n" in seen
            assert next(lines) == "* you are Ann; here: Ann\n"
            client.stdin.close()
            assert client.wait(10) == 0


def _until(lines: Iterator[str], words: str) -> Iterator[str]:
    for line in lines:
        yield line
        if words in line:
            return
    raise AssertionError(f"no line with {words}")


def test_the_client_of_the_slides(port: int) -> None:
    command = [sys.executable, str(CHAT / "slides_client.py"), f"ws://127.0.0.1:{port}/ws"]
    run = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    for word in ("coucou", "byebye", "vive la MMC"):
        assert word in run.stdout


def full_room(port: int, messages: int) -> subprocess.Popen[str]:
    """The bench's own thousand clients, but forty."""
    program = STACKS.parent / "bench" / "shipped" / "room_load.py"
    words = ["127.0.0.1", str(port), "127.0.0.1", "40", str(messages)]
    return subprocess.Popen(
        [sys.executable, str(program), *words], stdout=subprocess.PIPE, text=True
    )


def test_a_full_room_hears_everything(port: int) -> None:
    with full_room(port, 3) as clients:
        seen = json.loads(clients.communicate(timeout=30)[0])
    assert (seen["missing"], seen["closed"], len(seen["milliseconds"])) == (0, 0, 120)


def test_the_control_a_room_whose_server_goes_down_misses_something() -> None:
    with running("web-chat/chat/chat.py") as (found, process), full_room(found, 200) as clients:
        while ask({"url": url(found, "bench-full"), "until": '"number 0"'})["error"]:
            pass
        process.send_signal(signal.SIGTERM)
        seen = json.loads(clients.communicate(timeout=60)[0])
    assert seen["closed"] == 40
    assert seen["missing"] > 0


def test_the_page_is_served_and_no_program(port: int) -> None:
    for path, status in (("/", 200), ("/chat.js", 200), ("/chat.css", 200), ("/chat.py", 404),
                         ("/rooms.py", 404), ("/page/index.html", 404)):  # fmt: skip
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", path)
        assert connection.getresponse().status == status
        connection.close()


def test_it_says_how_it_can_be_used(port: int) -> None:
    assert set(get(port, "/push.json")[1]) == {"websocket", "events", "poll", "say"}
