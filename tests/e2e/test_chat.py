"""The chat by Tornado's client, through the front's 443 and 80."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.netutil import Resolver
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.e2e.support.lab import OwnLab

pytestmark = pytest.mark.e2e

PATIENCE = 10


class Loopback(Resolver):
    """``*.localhost`` is this machine (RFC 6761 section 6.3), whatever its C library says."""

    def initialize(self) -> None:
        """Nothing to set up."""

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[tuple[int, Any]]:
        return [(socket.AF_INET, ("127.0.0.1", port))]


@pytest.fixture(autouse=True, scope="module")
def names() -> None:
    Resolver.configure(Loopback)


@pytest.fixture
def room() -> str:
    return f"room-{secrets.token_hex(4)}"


async def enter(url: str, ca: Path | None = None, **headers: str) -> WebSocketClientConnection:
    context = ssl.create_default_context(cafile=str(ca)) if ca else None
    request = HTTPRequest(url, headers=headers, ssl_options=context, connect_timeout=PATIENCE)
    return await websocket_connect(request)


async def until(connection: WebSocketClientConnection, kind: str) -> dict[str, Any]:
    """The next message of a kind."""
    while True:
        text = await asyncio.wait_for(_read(connection), PATIENCE)
        assert text is not None, "closed"
        message: dict[str, Any] = json.loads(text)
        if message["type"] == kind:
            return message


async def _read(connection: WebSocketClientConnection) -> Any:
    return await connection.read_message()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 60))


@pytest.mark.parametrize("scheme", ["wss", "ws"])
def test_two_people_talk_in_one_room(lab1: OwnLab, ca: Path, room: str, scheme: str) -> None:
    async def scene() -> None:
        url = lab1.url("chat", f"/ws?room={room}&name=", scheme)
        ann = await enter(url + "ann", ca)
        bob = await enter(url + "bob", ca)
        assert (await until(bob, "welcome"))["name"] == "bob"
        await ann.write_message("hello & <b>goodbye</b>")
        for member in (ann, bob):
            message = await until(member, "message")
            assert (message["from"], message["text"]) == ("ann", "hello & <b>goodbye</b>")
        await bob.write_message(json.dumps({"text": "in JSON"}))
        assert (await until(ann, "message"))["text"] == "in JSON"

    play(scene)


def test_rooms_do_not_hear_each_other(lab1: OwnLab, ca: Path, room: str) -> None:
    async def scene() -> None:
        here = await enter(lab1.url("chat", f"/ws?room={room}", "wss"), ca)
        there = await enter(lab1.url("chat", f"/ws?room={room}-2", "wss"), ca)
        await here.write_message("here only")
        await there.write_message("there only")
        assert (await until(here, "message"))["text"] == "here only"
        assert (await until(there, "message"))["text"] == "there only"

    play(scene)


def test_a_newcomer_gets_the_history_and_the_others_see_who_came(
    lab1: OwnLab, ca: Path, room: str
) -> None:
    async def scene() -> None:
        url = lab1.url("chat", f"/ws?room={room}&name=", "wss")
        first = await enter(url + "first", ca)
        for text in ("one", "two"):
            await first.write_message(text)
            await until(first, "message")
        second = await enter(url + "second", ca)
        welcome = await until(second, "welcome")
        assert [said["text"] for said in welcome["history"]] == ["one", "two"]
        while "second" not in (await until(first, "presence"))["members"]:
            pass
        second.close()
        while "second" in (await until(first, "presence"))["members"]:
            pass

    play(scene)


def test_the_server_speaks_without_being_asked(lab1: OwnLab, ca: Path, room: str) -> None:
    async def scene() -> None:
        silent = await enter(lab1.url("chat", f"/ws?room={room}", "wss"), ca)
        while json.loads(await asyncio.wait_for(_read(silent), 40))["type"] != "time":
            pass

    play(scene)


def test_a_ping_is_answered(lab1: OwnLab, ca: Path, room: str) -> None:
    async def scene() -> None:
        pongs: asyncio.Queue[bytes] = asyncio.Queue()
        connection = await enter(lab1.url("chat", f"/ws?room={room}", "wss"), ca)
        assert connection.protocol
        connection.on_pong = pongs.put_nowait  # type: ignore[assignment,method-assign]  # as Tornado has it
        reading = asyncio.create_task(until(connection, "never"))  # the pong waits in the queue
        connection.ping(b"marco")
        assert await asyncio.wait_for(pongs.get(), PATIENCE) == b"marco"
        reading.cancel()

    play(scene)


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/ws?room=../../etc", {}, 400),
        ("/ws?room=UPPER", {}, 400),
        ("/ws", {"Origin": "https://evil.example"}, 403),
        ("/nothing", {}, 404),
    ],
)
def test_a_handshake_is_refused(
    lab1: OwnLab, ca: Path, path: str, headers: dict[str, str], status: int
) -> None:
    async def scene() -> None:
        with pytest.raises(HTTPClientError) as refused:
            await enter(lab1.url("chat", path, "wss"), ca, **headers)
        assert refused.value.code == status

    play(scene)


def test_too_long_a_message_is_an_error_and_not_the_end(lab1: OwnLab, ca: Path, room: str) -> None:
    async def scene() -> None:
        connection = await enter(lab1.url("chat", f"/ws?room={room}", "wss"), ca)
        await connection.write_message("x" * 1001)
        assert "1000" in (await until(connection, "error"))["text"]
        await connection.write_message("short")
        assert (await until(connection, "message"))["text"] == "short"

    play(scene)


def test_without_the_labs_authority_there_is_no_connection(lab1: OwnLab, room: str) -> None:
    async def scene() -> None:
        with pytest.raises(ssl.SSLCertVerificationError):
            await enter(lab1.url("chat", f"/ws?room={room}", "wss"))

    play(scene)


def test_the_command_line_client_works_on_the_client_machine(lab1: OwnLab, room: str) -> None:
    source = (lab1.folder / "chat" / "chat_client.py").read_text()
    lab1.output("client", "tee", "/tmp/chat_client.py", input=source)
    url = f"wss://chat.{lab1.domain}/ws?room={room}&name=cli"
    out = lab1.output("client", "python3", "/tmp/chat_client.py", url, input="a line\n")
    assert f"* you are cli in the room {room}" in out
