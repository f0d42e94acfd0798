"""A real class behind an edge of its own: WebSockets, keys of the roster, IPv6, a reboot."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.netutil import Resolver
from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.e2e.conftest import Labs
from tests.e2e.support.curl import curl
from tests.e2e.support.edge import OwnEdge, lines_with
from tests.e2e.support.home import ROOT, Home, Ran, run
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e
CLASS = "t-rooms"
LAB = """\
lab: rooms
services:
  www: static
  chat: websocket
sites:
  www: www
  chat: {service: chat, http: serve}
"""
PATIENCE = 20


class Loopback(Resolver):
    """``*.localhost`` is this machine (RFC 6761 section 6.3), whatever its C library says."""

    def initialize(self) -> None:
        """Nothing to set up."""

    async def resolve(
        self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[tuple[int, Any]]:
        return [(socket.AF_INET, ("127.0.0.1", port))]


class Room:
    """The class and its edge."""

    def __init__(self, home: Home) -> None:
        self.home, self.edge = home, OwnEdge(home)
        self.folder = home.directory / "rooms"
        for content, stack in (("www", "hello"), ("chat", "lab1")):
            shutil.copytree(ROOT / "stacks" / stack / content, self.folder / content)
        (self.folder / "lab.yml").write_text(LAB)
        self.keys = {student: self.key(student) for student in ("s01", "s02")}

    def key(self, name: str) -> Path:
        """A new key pair in the home."""
        path = self.home.directory / f"key-{name}"
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)])
        return path

    def roster(self) -> str:
        """A roster with the students' keys of now."""
        public = ((one, key.with_suffix(".pub").read_text()) for one, key in self.keys.items())
        lines = [f"{one},Student {one},{' '.join(text.split()[:2])}" for one, text in public]
        file = self.home.directory / "roster.csv"
        file.write_text("\n".join(["id,name,key", *lines, "s03,Student s03,"]) + "\n")
        return str(file)

    def must(self, *words: str) -> Ran:
        """Run `labctl words`, which has to succeed."""
        ran = self.home.labctl(*words)
        assert ran.status == 0, ran.said
        return ran

    def host(self, student: str, site: str = "www") -> str:
        """The name of a student's site on this host."""
        return f"{site}.{student}.{CLASS}.localhost"

    def page(self, student: str = "s01") -> int:
        """The status of a student's first page."""
        return curl(self.edge.url(self.host(student), scheme="https"), "--insecure").status

    def ssh(self, key: Path, user: str, *command: str) -> Ran:
        """Log in at the bastion with this key only."""
        said = (
            *(f"Port={self.edge.ssh}", "IdentitiesOnly=yes", "IdentityAgent=none"),
            *("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"),
            *(f"IdentityFile={key}", "BatchMode=yes"),
        )
        words = [word for one in said for word in ("-o", one)]
        return run(["ssh", "-F", "none", *words, f"{user}@127.0.0.1", *command])

    def containers(self) -> list[str]:
        """The containers of the class and its edge."""
        listed = run(["docker", "ps", "-aq", "--filter", f"name=^labctl-{CLASS}-"]).out.split()
        return [*listed, *(self.edge.container(one) for one in ("edge", "bastion"))]

    def remove(self) -> None:
        """Leave nothing of it."""
        self.home.labctl("class", "destroy", CLASS, "--yes")
        self.edge.remove()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home of this module's own: there is one edge in each."""
    return Home(tmp_path_factory.mktemp("rooms"))


@pytest.fixture(scope="module")
def room(home: Home) -> Iterator[Room]:
    Resolver.configure(Loopback)
    made = Room(home)
    try:
        made.edge.must("up")
        words = ("--lab", str(made.folder), "--roster", made.roster())
        made.must("class", "create", CLASS, *words)
        made.must("class", "up", CLASS)
        yield made
    finally:
        made.remove()


async def entered(room: Room, scheme: str, who: str) -> WebSocketClientConnection:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    port = room.edge.https if scheme == "wss" else room.edge.http
    url = f"{scheme}://{room.host('s01', 'chat')}:{port}/ws?room={scheme}&name={who}"
    secure = context if scheme == "wss" else None
    request = HTTPRequest(url, ssl_options=secure, connect_timeout=PATIENCE)
    return await websocket_connect(request)


async def heard(connection: WebSocketClientConnection, text: str) -> None:
    """Wait until somebody says this."""
    while True:
        message = await asyncio.wait_for(_read(connection), PATIENCE)
        assert message is not None, "closed"
        if text in message:
            return


async def _read(connection: WebSocketClientConnection) -> Any:
    return await connection.read_message()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(scene(), 120))


@pytest.mark.parametrize("scheme", ["ws", "wss"])
def test_a_websocket_survives_the_reload_for_a_new_class(room: Room, scheme: str) -> None:
    async def scene() -> None:
        ann = await entered(room, scheme, "ann")
        workers = room.edge.workers()
        room.edge.enrol(f"t-new-{scheme}", s01="")
        await asyncio.to_thread(room.edge.must, "up")
        await asyncio.to_thread(
            eventually, lambda: room.edge.workers() and room.edge.workers().isdisjoint(workers)
        )
        bob = await entered(room, scheme, "bob")  # by a new worker
        for speaker, listener in ((ann, bob), (bob, ann)):
            await speaker.write_message(f"I am {id(speaker)}")
            await heard(listener, f"I am {id(speaker)}")
        ann.close()
        bob.close()

    play(scene)


def test_the_rosters_key_opens_the_own_sandbox_only(room: Room) -> None:
    for student, key in room.keys.items():
        for name in (student, f"{student}.{CLASS}", f"{CLASS}-{student}"):
            ran = room.ssh(key, name, "hostname")
            assert ran.out == f"server.hosts.{student}.{CLASS}.test\n", ran.said
        for other in {"s01", "s02", "s03"} - {student}:
            assert room.ssh(key, other, "hostname").status == 255


def test_another_key_on_the_roster_takes_the_place_of_the_old_one(room: Room) -> None:
    old, new = room.keys["s02"], room.key("s02-new")
    assert room.ssh(new, "s02", "true").status == 255
    room.keys["s02"] = new
    room.must("class", "roster", CLASS, room.roster())
    assert room.ssh(new, "s02", "true").status == 0
    assert room.ssh(old, "s02", "true").status == 255


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="no IPv6 on this host")
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_by_ipv6(room: Room, scheme: str) -> None:
    host, path = room.host("s01"), f"/six-{scheme}"
    edge = room.edge
    to = [f"{host}:{port}:[::1]" for port in (edge.http, edge.https)]
    words = ("--resolve", to[0], "--resolve", to[1])
    answer = curl(edge.url(host, path, scheme), "--insecure", "--ipv6", *words)
    assert answer.status == (404 if scheme == "https" else 308)
    assert answer.address == "::1"
    nobody = f"nobody.example:{edge.http}:[::1]"
    assert curl(edge.url("nobody.example"), "--resolve", nobody).status == 421

    def lines() -> list[str]:
        return lines_with(run(["docker", "logs", f"labctl-{CLASS}-s01-server-1"]).said, path)

    (line,) = eventually(lines)
    assert line.startswith("::1 ")


def test_of_several_fronts_the_outer_one_is_at_the_door(room: Room, own: Labs) -> None:
    lab = own("lab1")
    lab.home = room.home
    ran = room.home.labctl(
        "up", str(lab.folder), "--name", lab.name, "--edge", "--on", "on-premise"
    )
    assert ran.status == 0, ran.said
    lab.http, lab.https = room.edge.http, room.edge.https
    ca = lab.authority()
    assert curl(lab.url("www"), ca=ca).status == 200
    assert curl(lab.url("app", scheme="http")).status == 200
    assert "unrecognized name" in curl(lab.url("intranet"), "--insecure").error
    assert curl(lab.url("intranet", scheme="http")).status == 421


def test_after_a_reboot_the_doors_are_made_again(room: Room) -> None:
    """A host's memory is empty then, and the engine cannot start what mounts a door."""
    run(["docker", "stop", "--time", "1", *room.containers()])
    shutil.rmtree(room.home.doors)
    # the control: without its door a machine does not start
    assert run(["docker", "start", f"labctl-{CLASS}-s01-server-1"]).status != 0
    room.edge.must("up")
    assert curl(room.edge.url(room.host("s01"))).status == 503
    room.must("class", "up", CLASS)
    for student in ("s01", "s02", "s03"):
        assert room.page(student) == 200
    assert room.ssh(room.keys["s01"], "s01", "true").status == 0


def test_after_a_reboot_one_sandbox_by_up(room: Room) -> None:
    run(["docker", "stop", "--time", "1", *room.containers()])
    shutil.rmtree(room.home.doors)
    room.must("up", f"{CLASS}-s01")
    assert room.page("s01") == 200
    assert room.page("s02") != 200
    room.must("class", "up", CLASS)
    assert room.page("s02") == 200
