"""A flood at one door of the edge: its own requests wait or are refused, nobody else's."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.curl import curl
from tests.e2e.support.edge import OwnEdge, behind, door
from tests.e2e.support.home import Home
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e
CLASS = "t-flood"
AT_ONE_DOOR = 1024  # limit_conn of the edge


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home of this module's own: there is one edge in each."""
    return Home(tmp_path_factory.mktemp("flood"))


@pytest.fixture(scope="module")
def edge(home: Home) -> Iterator[OwnEdge]:
    with OwnEdge(home) as found:
        found.enrol(CLASS, s01="", s02="")
        found.must("up")
        yield found


@pytest.fixture(scope="module")
def lab(edge: OwnEdge, own: Labs) -> OwnLab:
    return behind(own("hello"), edge)


class Silent:
    """At a door's socket: takes every connection, reads what comes, and never answers."""

    def __init__(self, edge: OwnEdge, lab: str, name: str) -> None:
        directory = edge.home.doors / "doors" / lab
        directory.mkdir(exist_ok=True)
        directory.chmod(0o777)
        self.path: Path = directory / name
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(self.path))
        self.path.chmod(0o666)
        self.listening.listen(4096)
        self.taken: list[socket.socket] = []
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.taken.append(self.listening.accept()[0])

    def close(self) -> None:
        """Nobody is at the door any more."""
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()
        for connection in self.taken:
            connection.close()
        shutil.rmtree(self.path.parent, ignore_errors=True)


@pytest.fixture
def crowd() -> Iterator[list[socket.socket]]:
    """Connections, all of them closed in the end."""
    opened: list[socket.socket] = []
    yield opened
    for connection in opened:
        connection.close()


def connected(port: int, number: int, crowd: list[socket.socket], data: bytes) -> None:
    """So many connections, from two clients in turn, that each say this."""
    for n in range(number):
        source = (f"127.0.0.{81 + n % 2}", 0)
        connection = socket.create_connection(("127.0.0.1", port), 10, source)
        crowd.append(connection)
        connection.sendall(data)


def refused(crowd: list[socket.socket]) -> list[bytes]:
    """The answers that have come."""
    found = []
    for connection in crowd:
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            found.append(connection.recv(64))
    return found


def ended(connection: socket.socket) -> bool:
    """Whether the other side has closed it, in whatever way."""
    connection.setblocking(False)
    try:
        return connection.recv(64) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


def asked(host: str) -> bytes:
    return f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


def client_hello(host: str) -> bytes:
    """The first bytes of a TLS connection to this name."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    wrapped = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=host)
    with contextlib.suppress(ssl.SSLWantReadError):
        wrapped.do_handshake()
    return outgoing.read()


def test_so_many_requests_at_one_door_and_no_more(
    edge: OwnEdge, crowd: list[socket.socket]
) -> None:
    silent = Silent(edge, f"{CLASS}-s01", "http.sock")
    host = f"s01.{CLASS}.localhost"
    try:
        connected(edge.http, AT_ONE_DOOR, crowd, asked(host))
        eventually(lambda: len(silent.taken) == AT_ONE_DOOR)
        # the control: so many are let in
        assert refused(crowd) == []
        answer = curl(edge.url(host))
        assert (answer.status, len(silent.taken)) == (503, AT_ONE_DOOR)
        with door(edge, f"{CLASS}-s02"):
            assert curl(edge.url(f"s02.{CLASS}.localhost")).body == f"{CLASS}-s02"
        crowd.pop().close()

        def another() -> bool:
            connected(edge.http, 1, crowd, asked(host))
            return len(silent.taken) > AT_ONE_DOOR

        eventually(another)  # a worker of nginx's may hear of it before the other's has gone
        assert len(silent.taken) == AT_ONE_DOOR + 1
    finally:
        silent.close()


def test_requests_at_one_door_one_after_another_keep_nobody_waiting(edge: OwnEdge) -> None:
    """As fast as six clients can, while another door is asked."""
    over = threading.Event()
    counted: list[int] = []

    def flood() -> None:
        count = 0
        while not over.is_set():
            with socket.create_connection(("127.0.0.1", edge.http), 10) as connection:
                connection.sendall(asked(f"s01.{CLASS}.localhost"))
                connection.recv(4096)
            count += 1
        counted.append(count)

    with door(edge, f"{CLASS}-s01"), door(edge, f"{CLASS}-s02"):
        threads = [threading.Thread(target=flood) for _ in range(6)]
        for thread in threads:
            thread.start()
        answers = [curl(edge.url(f"s02.{CLASS}.localhost")) for _ in range(20)]
        over.set()
        for thread in threads:
            thread.join()
    assert {answer.body for answer in answers} == {f"{CLASS}-s02"}
    assert sum(counted) > 10 * len(answers)
    assert sum(answer.seconds for answer in answers) < 20


def test_tls_that_never_ends_at_one_door_keeps_nobody_from_another(
    edge: OwnEdge, lab: OwnLab, crowd: list[socket.socket]
) -> None:
    """Nothing limits them by name: nginx counts connections before it has read one."""
    silent = Silent(edge, f"{CLASS}-s01", "https.sock")
    hello = client_hello(f"s01.{CLASS}.localhost")
    try:
        connected(edge.https, 2 * AT_ONE_DOOR, crowd, hello)
        eventually(lambda: len(silent.taken) == 2 * AT_ONE_DOOR)
        ca = lab.authority()
        for _ in range(10):
            assert curl(lab.url("www"), ca=ca).status == 200
    finally:
        silent.close()


def test_tls_that_says_no_name_is_ended(edge: OwnEdge, crowd: list[socket.socket]) -> None:
    """Who says nothing has ten seconds."""
    connected(edge.https, 100, crowd, b"\x16\x03")
    connected(edge.https, 1, crowd, client_hello("nobody.example"))
    crowd[-1].settimeout(60)
    alert = crowd[-1].recv(64)
    assert struct.unpack(">BB", alert[5:7]) == (2, 112)  # fatal, unrecognized_name
    # the control: they were let in, and had time
    assert not any(ended(connection) for connection in crowd[:100])
    eventually(lambda: all(ended(connection) for connection in crowd[:100]))
