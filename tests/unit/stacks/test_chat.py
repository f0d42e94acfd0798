"""The chat server of lab1, run as it is run in the lab, by Tornado's client and labctl's own."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.websocket import websocket_connect

from labctl.checks.ws import ask

CHAT = Path(__file__).parents[3] / "stacks" / "lab1" / "chat"


class Server:
    """A running chat server."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        environment = {**os.environ, "PORT": str(self.port)}
        self.process = subprocess.Popen([sys.executable, str(CHAT / "chat.py")], env=environment)
        self.url = f"ws://127.0.0.1:{self.port}/ws"
        self.wait()

    def wait(self) -> None:
        """Until it takes connections; fails when it ends instead."""
        while self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
        raise AssertionError("the chat server ended")


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    yield running
    running.process.kill()
    running.process.wait()


def got(seen: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [m for m in map(json.loads, seen["received"]) if m["type"] == kind]


def test_a_message_reaches_the_others_and_a_newcomer_gets_the_history(server: Server) -> None:
    asked = {"url": f"{server.url}?room=a", "until": "<b>hi</b>"}
    sent = json.dumps({"text": "<b>hi</b>"})
    seen = ask({**asked, "send": [sent], "others": [asked], "late": [asked]})
    assert seen["delivered"]
    assert got(seen["others"][0], "message")[0]["text"] == "<b>hi</b>"
    assert got(seen["late"][0], "welcome")[0]["history"][0]["from"] == "guest-1"


def test_a_room_hears_only_its_own_and_both_forms_of_its_name_are_one(server: Server) -> None:
    here = {"url": f"{server.url}/here?name=Ann", "until": "coucou"}
    query = {"url": f"{server.url}?room=here", "until": "coucou"}
    there = {"url": f"{server.url}?room=there", "until": "coucou", "seconds": 0.5}
    seen = ask({**here, "send": ["coucou"], "others": [query, there]})
    assert [other["error"] == "" for other in seen["others"]] == [True, False]
    assert got(seen["others"][0], "message")[0]["from"] == "Ann"


def test_the_history_holds_the_last_fifty(server: Server) -> None:
    lines = [f"line {number}." for number in range(60)]
    asked = {"url": f"{server.url}?room=a", "until": "line 59."}
    seen = ask({**asked, "send": lines, "late": [asked]})
    history = got(seen["late"][0], "welcome")[0]["history"]
    assert [said["text"] for said in history] == lines[10:]


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ("", "error"),
        ("   ", "error"),
        ("x" * 1001, "error"),
        ("{}", "error"),
        ('{"text": 1}', "error"),
        ('{"text": "ok", "from": "somebody else"}', "message"),
        ("[" * 5000, "error"),
        ("[1]", "message"),
        ("42", "message"),
    ],
)
def test_what_is_taken(server: Server, message: str, answer: str) -> None:
    seen = ask({"url": server.url, "send": [message], "until": f'"type": "{answer}"'})
    assert seen["delivered"]
    if answer == "message":
        assert got(seen, "message")[0]["from"] == "guest-1"


def test_a_message_that_is_too_large_closes_the_connection(server: Server) -> None:
    seen = ask({"url": server.url, "send": ["x" * 9000], "until": "never"})
    assert seen["closed"] == 1009


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1", 101),
        ("https://127.0.0.1:8443", 101),
        ("https://evil.example", 403),
        ("http://127.0.0.1.evil.example", 403),
        ("null", 403),
    ],
)
def test_only_pages_of_the_same_host_may_connect(server: Server, origin: str, status: int) -> None:
    assert ask({"url": server.url, "origin": origin})["status"] == status


@pytest.mark.parametrize("room", ["A", "..", "x" * 32, "%00", "a%20b", "a/b"])
def test_a_malformed_room(server: Server, room: str) -> None:
    assert ask({"url": f"{server.url}/{room}"})["status"] in (400, 404)


def test_nobody_listens() -> None:
    seen = ask({"url": "ws://127.0.0.1:1/ws"})
    assert (seen["opened"], seen["status"]) == (False, 0)
    assert seen["error"]


def test_a_client_that_does_not_read_is_closed(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(
            b"GET /ws?room=a HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)) + b"\r\n\r\n"
        )
        assert slow.recv(12) == b"HTTP/1.1 101"
        assert asyncio.run(_talk_until_alone(f"{server.url}?room=a"))


async def _talk_until_alone(url: str) -> bool:
    """Say much, until the room says that nobody else is there."""
    ws = await websocket_connect(url)
    for _ in range(40):
        for _ in range(500):
            await ws.write_message("x" * 1000)
            message = json.loads(await ws.read_message() or "{}")
            if message["type"] == "presence" and len(message["members"]) == 1:
                return True
    return False


def test_sigterm_closes_every_connection_as_going_away(server: Server) -> None:
    async def talk() -> tuple[int | None, str | None]:
        ws = await websocket_connect(server.url)
        await ws.read_message()
        server.process.send_signal(signal.SIGTERM)
        while await ws.read_message() is not None:
            pass
        return ws.close_code, ws.close_reason

    assert asyncio.run(talk()) == (1001, "the server goes down")
    assert server.process.wait(10) == 0


def test_the_page_is_served_and_nothing_else(server: Server) -> None:
    base = f"http://127.0.0.1:{server.port}/"
    for path, kind in {"": "html", "chat.js": "javascript", "chat.css": "css"}.items():
        with urllib.request.urlopen(base + path) as answer:
            assert kind in answer.headers["Content-Type"]
            assert b"http://" not in answer.read()
    for path in ("chat.py", "page/", "..%2fchat.py"):
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(base + path)


def test_the_command_line_client(server: Server) -> None:
    command = [sys.executable, str(CHAT / "chat_client.py"), f"{server.url}?room=a&name=Ann"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as client:
        assert client.stdin
        assert client.stdout
        client.stdin.write("salut \x1b[31m\n")
        client.stdin.flush()
        lines = [client.stdout.readline() for _ in range(3)]
        client.stdin.close()
        assert client.wait(10) == 0
    assert lines == ["* you are Ann in the room a\n", "* here: Ann\n", "Ann: salut �[31m\n"]
