"""The edge: two real labs and stand-ins for sandboxes behind one nginx, and who is refused."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl.dns import dnssec
from tests.e2e.conftest import Labs
from tests.e2e.support.curl import curl
from tests.e2e.support.edge import OwnEdge, behind, door, lines_with, log_of, published, raw
from tests.e2e.support.home import Home, run
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.ports import free_port
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e
CLASS = "t-class"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home of this module's own: there is one edge in each."""
    return Home(tmp_path_factory.mktemp("edge"))


@pytest.fixture(scope="module")
def edge(home: Home) -> Iterator[OwnEdge]:
    with OwnEdge(home) as found:
        found.must("up")
        found.enrol(CLASS, s01="", s02="")
        found.must("up")
        yield found


@pytest.fixture(scope="module")
def labs(edge: OwnEdge, own: Labs) -> tuple[OwnLab, OwnLab]:
    return behind(own("hello"), edge), behind(own("hello"), edge)


def test_two_labs_answer_at_the_same_ports_each_to_its_names(labs: tuple[OwnLab, OwnLab]) -> None:
    first, second = labs
    assert (first.http, first.https) == (second.http, second.https)
    for lab, other in ((first, second), (second, first)):
        assert published(lab) == []
        answer = curl(lab.url("www"), ca=lab.authority())
        assert (answer.status, answer.version) == (200, "2")
        assert "alt-svc" not in answer.headers
        assert curl(lab.url("www"), ca=other.authority()).exit == 60
        moved = curl(lab.url("www", "/a?b", scheme="http"))
        assert moved.status == 308
        assert moved.headers["location"] == lab.url("www", "/a?b")


def test_its_own_checks_hold_behind_the_edge(labs: tuple[OwnLab, OwnLab]) -> None:
    ran = labs[0].labctl("check")
    assert ran.status == 0, ran.said


def test_a_name_that_nobody_has_is_refused(edge: OwnEdge, labs: tuple[OwnLab, OwnLab]) -> None:
    for host in ("nobody.example", f"{labs[0].name}.test.example", f"x{labs[0].name}.test"):
        assert curl(edge.url(host), *edge.to(host)).status == 421
        refused = curl(edge.url(host, scheme="https"), "--insecure", *edge.to(host))
        assert "unrecognized name" in refused.error
    assert raw(edge, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 421 ")
    nameless = curl(f"https://127.0.0.1:{edge.https}/", "--insecure")
    assert "unrecognized name" in nameless.error
    assert curl(labs[0].url("www"), "--insecure").status == 200


def test_a_name_in_capitals_is_the_same(edge: OwnEdge, labs: tuple[OwnLab, OwnLab]) -> None:
    host = labs[0].host("www").upper()
    assert curl(edge.url(host)).status == 308
    asked = ["openssl", "s_client", "-connect", f"127.0.0.1:{edge.https}", "-servername", host]
    assert "BEGIN CERTIFICATE" in run(asked).out


def test_a_name_that_is_known_and_not_running_says_so(edge: OwnEdge) -> None:
    host = f"www.s02.{CLASS}.localhost"
    answer = curl(edge.url(host))
    assert answer.status == 503
    assert answer.headers["retry-after"] == "10"
    assert f"{host} is not running" in answer.body
    assert curl(edge.url(host, scheme="https"), "--insecure").exit != 0


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_labs_log_has_the_real_client(labs: tuple[OwnLab, OwnLab], scheme: str) -> None:
    lab, address = labs[0], "127.0.0.77"
    path = f"/who-{scheme}"
    forged = ("--header", "X-Forwarded-For: 203.0.113.9", "--header", "X-Real-IP: 203.0.113.9")
    curl(lab.url("www", path, scheme=scheme), "--insecure", "--interface", address, *forged)

    def lines() -> list[str]:
        return lines_with(log_of(lab, "front"), path, lab.host("www"))

    (line,) = eventually(lines)
    assert line.startswith(f"{address} ")


def test_a_neighbour_in_the_labs_network_cannot_say_who_it_is(labs: tuple[OwnLab, OwnLab]) -> None:
    """The control: only what comes by the door is believed about the client."""
    lab, path = labs[0], "/forged"
    asked = ["--header", "X-Forwarded-For: 203.0.113.9", f"http://www.{lab.domain}{path}"]
    lab.output("client", "curl", "-s", "-o", "/dev/null", *asked)

    def lines() -> list[str]:
        return lines_with(log_of(lab, "front"), path)

    (line,) = eventually(lines)
    assert line.startswith(lab.output("client", "hostname", "-i").strip() + " ")


def test_headers_pass_and_the_address_is_the_edges_word(edge: OwnEdge) -> None:
    with door(edge, f"{CLASS}-s01") as here:
        host = f"app.s01.{CLASS}.localhost"
        forged = ("--header", "X-Forwarded-For: 203.0.113.9", "--header", "X_Odd: 1")
        answer = curl(edge.url(host), "--interface", "127.0.0.78", *forged)
        assert (answer.status, answer.body) == (200, f"{CLASS}-s01")
        assert here.asked[0]["x-forwarded-for"] == "127.0.0.78"
        assert here.asked[0]["host"] == f"{host}:{edge.http}"
        assert here.asked[0]["x_odd"] == "1"


def slow_download(edge: OwnEdge, host: str) -> subprocess.Popen[bytes]:
    """A download through a door that goes on until its stand-in is told."""
    return subprocess.Popen(
        ["curl", "-sSN", "--noproxy", "*", "--max-time", "600", edge.url(host, "/slow")],
        stdout=subprocess.PIPE,
    )


def test_a_new_door_needs_no_reload_while_a_download_goes_on(edge: OwnEdge) -> None:
    workers = edge.workers()
    with door(edge, f"{CLASS}-s01") as first:
        download = slow_download(edge, f"s01.{CLASS}.localhost")
        eventually(lambda: first.asked)
        new = f"s99.{CLASS}.localhost"
        assert curl(edge.url(new)).status == 503
        with door(edge, f"{CLASS}-s99"):
            assert curl(edge.url(new)).body == f"{CLASS}-s99"
        assert curl(edge.url(new)).status == 503
        assert edge.workers() == workers
        first.go_on.set()
        assert download.communicate()[0] == 2 * f"{CLASS}-s01".encode()


def test_a_new_class_is_a_reload_that_breaks_nothing(edge: OwnEdge) -> None:
    """The control of the test above: a reload does change the workers."""
    workers = edge.workers()
    with door(edge, f"{CLASS}-s01") as first:
        download = slow_download(edge, f"s01.{CLASS}.localhost")
        eventually(lambda: first.asked)
        edge.enrol("t-other", s01="")
        edge.must("up")
        eventually(lambda: edge.workers().isdisjoint(workers) and edge.workers())
        with door(edge, "t-other-s01"):
            assert curl(edge.url("s01.t-other.localhost")).body == "t-other-s01"
        first.go_on.set()
        assert download.communicate()[0] == 2 * f"{CLASS}-s01".encode()


_SLOW = """
from dataclasses import replace
from labctl.classes import registry
from labctl.model import Limits
registry.change("t-slow", lambda one: replace(one, limits=replace(one.limits, bandwidth=800_000)))
"""


@contextlib.contextmanager
def sending(edge: OwnEdge, lab: str, size: int) -> Iterator[None]:
    """At the door for TLS of ``lab`` somebody sends so many bytes to each who says hello."""

    class Sends(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(bytes(size))
            self.request.shutdown(socket.SHUT_WR)
            while self.request.recv(65536):  # what is unread at the end takes back what was sent
                pass

    place = edge.home.doors / "doors" / lab
    place.mkdir(mode=0o755)
    with socketserver.ThreadingUnixStreamServer(str(place / "https.sock"), Sends) as server:
        (place / "https.sock").chmod(0o666)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()
            shutil.rmtree(place)


def seconds(edge: OwnEdge, host: str, size: int) -> float:
    """How long it takes until so many bytes have come after a TLS hello to ``host``."""
    sent, received = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = ssl.create_default_context().wrap_bio(received, sent, server_hostname=host)
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    start = time.monotonic()
    with socket.create_connection(("127.0.0.1", edge.https), 30) as connection:
        connection.sendall(sent.read())
        assert sum(map(len, iter(lambda: connection.recv(65536), b""))) == size
    return time.monotonic() - start


def test_a_connection_has_no_more_than_its_classs_bandwidth(edge: OwnEdge) -> None:
    edge.enrol("t-slow", s01="")
    edge.must("up")
    size, rate = 400_000, 100_000  # bytes, and bytes per second
    least = size / rate - 1  # nginx lets a second's worth go at once
    with sending(edge, "t-slow-s01", size), sending(edge, f"{CLASS}-s02", size):
        assert seconds(edge, "s01.t-slow.test", size) < least
        edge.python(_SLOW)
        workers = edge.workers()
        edge.must("up")
        eventually(lambda: edge.workers().isdisjoint(workers) and edge.workers())
        assert seconds(edge, "s01.t-slow.test", size) >= least
        assert seconds(edge, f"s02.{CLASS}.test", size) < least


def test_nothing_changes_where_all_is_known(edge: OwnEdge) -> None:
    before = edge.workers(), edge.container("edge")
    edge.must("up")
    assert (edge.workers(), edge.container("edge")) == before


def test_a_door_that_is_a_link_to_anothers_shows_nothing_of_theirs(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab]
) -> None:
    """Whoever is asked for another's name refuses it, by HTTP and by TLS."""
    directory = edge.home.doors / "doors" / f"{CLASS}-s01"
    directory.mkdir()
    try:
        for name in ("http.sock", "https.sock"):
            (directory / name).symlink_to(f"../{labs[0].name}/{name}")
        host = f"www.s01.{CLASS}.localhost"
        assert curl(edge.url(host)).status == 421
        refused = curl(edge.url(host, scheme="https"), "--insecure")
        assert "unrecognized name" in refused.error
    finally:
        shutil.rmtree(directory)


def test_a_front_that_was_killed_is_back_at_its_door(labs: tuple[OwnLab, OwnLab]) -> None:
    lab = labs[1]
    lab.output("front", "sh", "-c", "s6-svc -k /run/service/nginx")
    ca = lab.authority()
    eventually(lambda: curl(lab.url("www"), ca=ca).status == 200)


def test_an_edge_that_was_killed_is_back(edge: OwnEdge, labs: tuple[OwnLab, OwnLab]) -> None:
    edge.exec("edge", "sh", "-c", "s6-svc -k /run/service/edge")
    eventually(lambda: curl(labs[0].url("www"), "--insecure").status == 200)
    nobody = edge.url("nobody.example", scheme="https"), "--insecure", *edge.to("nobody.example")
    eventually(lambda: "unrecognized name" in curl(*nobody).error)


def test_it_has_no_privilege_but_its_ports(edge: OwnEdge) -> None:
    for number, text in edge.processes("edge").items():
        status = edge.exec("edge", "cat", f"/proc/{number}/status")
        fields = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
        assert fields["NoNewPrivs"] == "1"
        if text.startswith("nginx"):
            assert fields["Uid"].split() == ["33"] * 4, text
            assert int(fields["CapEff"], 16) == 1 << 10, text
    inspected = edge.client.api.inspect_container(edge.container("edge"))
    assert inspected["HostConfig"]["ReadonlyRootfs"]
    assert not any("docker.sock" in mount["Source"] for mount in inspected["Mounts"])
    assert run(["docker", "exec", edge.container("edge"), "touch", "/doors/x"]).status != 0


def test_a_lab_that_holds_the_ports_is_named_with_what_moves_it(home: Home, fresh: Labs) -> None:
    lab = fresh("hello")
    lab.must("up")
    other = Home(home.directory / "second")
    other.directory.mkdir()
    with OwnEdge(other) as second:
        second.http, second.https = lab.http, lab.https
        ran = second.up()
        assert ran.status == 1
        assert f"port {lab.http} is held by lab {lab.name}" in ran.err
        assert f"`labctl up {lab.name} --edge`" in ran.err
        assert not second.home.labctl("edge", "status", "--json").json["ready"]


def test_a_program_that_holds_a_port_is_named(home: Home) -> None:
    other = Home(home.directory / "third")
    other.directory.mkdir()
    second = OwnEdge(other)
    with socket.socket() as held:
        held.bind(("127.0.0.1", second.http))
        held.listen()
        try:
            ran = second.up()
        finally:
            second.remove()
    assert ran.status == 1
    assert f"port {second.http} is held by " in ran.err
    assert f"(process {os.getpid()})" in ran.err
    assert "labctl edge up --http" in ran.err


def test_behind_the_edge_is_remembered_until_it_is_left(edge: OwnEdge, fresh: Labs) -> None:
    lab = behind(fresh("hello"), edge)
    assert lab.home.labctl("plan", lab.name).status == 0
    status = edge.must("status", "--json").json
    assert lab.name in status["labs"]
    seat = edge.home.data / "edge" / "seats" / lab.name
    assert seat.is_dir()
    lab.http, lab.https = free_port(), free_port()
    ran = lab.up("--no-edge")
    assert ran.status == 0, ran.said
    assert published(lab) == sorted((lab.http, lab.https))
    assert lab.name not in edge.must("status", "--json").json["labs"]
    assert not seat.exists()
    edge.must("up")
    assert curl(edge.url(lab.host("www"))).status == 421


def test_a_request_is_activity_of_its_lab_only(edge: OwnEdge, labs: tuple[OwnLab, OwnLab]) -> None:
    first, second = (lab.name for lab in labs)
    # what was asked of it before is in the log by now
    eventually(lambda: edge.activity().get(second, 0.0) < time.time() - 3)
    before = edge.activity().get(second, 0.0)
    begun = time.time() - 1
    assert curl(labs[0].url("www"), "--insecure").status == 200
    eventually(lambda: edge.activity().get(first, 0.0) >= begun)
    assert edge.activity().get(second, 0.0) == before


def test_an_open_connection_is_activity_until_it_ends(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab]
) -> None:
    """As of a WebSocket: nothing is said, and nobody is idle."""
    name, host = labs[0].name, labs[0].host("www")
    # what was asked before ends first
    eventually(lambda: edge.activity()[name] < time.time() - 2, seconds=90)
    plain = ssl.create_default_context(cafile=str(labs[0].authority()))
    with (
        socket.create_connection(("127.0.0.1", edge.https)) as connection,
        plain.wrap_socket(connection, server_hostname=host) as channel,
    ):
        channel.sendall(b"GET / HTTP/1.1\r\n")  # a head that never ends
        for _ in range(2):
            begun = time.time()
            assert edge.activity()[name] >= begun
    eventually(lambda: edge.activity()[name] < time.time() - 3)  # the log has told of the end


def test_a_lab_is_told_that_the_edge_holds_its_ports(edge: OwnEdge, fresh: Labs) -> None:
    lab = fresh("hello")
    lab.http, lab.https = edge.http, edge.https
    ran = lab.up()
    assert ran.status == 1
    assert f"port {edge.http} is held by the edge" in ran.err
    assert f"labctl up {lab.name} --edge" in ran.err


def test_it_is_no_lab(edge: OwnEdge, labs: tuple[OwnLab, OwnLab]) -> None:
    listed = {one["name"] for one in json.loads(edge.home.labctl("list", "--json").out)}
    assert {lab.name for lab in labs} <= listed
    assert not any(name.startswith("edge") for name in listed)


def ask(edge: OwnEdge, port: int, name: str, tcp: bool = False) -> tuple[int, str]:
    """The status of an answer from the edge's name server, and the address (RFC 1035)."""
    query = b"LB\x01\0\0\x01\0\0\0\0\0\0" + dnssec.wire_name(name) + b"\0\x01\0\x01"
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as connection:
        connection.settimeout(10)
        connection.connect(("127.0.0.1", port))
        connection.sendall(len(query).to_bytes(2, "big") + query if tcp else query)
        answer = connection.recv(4096)[2 if tcp else 0 :]
    assert answer[:2] == b"LB"
    return answer[3] & 15, socket.inet_ntoa(answer[-4:]) if answer[7] else ""


def test_names_are_answered_in_dns_where_it_is_said(
    edge: OwnEdge, labs: tuple[OwnLab, OwnLab]
) -> None:
    port, refused = free_port(), 5
    assert edge.up("--dns", "127.0.0.1", "--dns-port", str(port)).status == 0
    try:
        for name in (
            f"www.{labs[0].domain}",
            labs[1].domain,
            f"www.s01.{CLASS}.test",
            "a.b.t-class.test",
        ):
            for tcp in (False, True):
                assert ask(edge, port, name, tcp) == (0, "127.0.0.1")
        for name in ("www.example.com", "test", f"x{CLASS}.test", "version.bind"):
            assert ask(edge, port, name) == (refused, "")
        edge.enrol("t-late", s01="")
        assert ask(edge, port, "s01.t-late.test") == (refused, "")
        edge.must("up")
        assert ask(edge, port, "s01.t-late.test") == (0, "127.0.0.1")
        assert json.loads(edge.must("status", "--json").out)["dns"] == "127.0.0.1"
        (server,) = (n for n, text in edge.processes("dns").items() if text.startswith("unbound"))
        assert edge.exec("dns", "stat", "-c", "%U", f"/proc/{server}") == "unbound\n"
    finally:
        assert edge.up("--dns", "none").status == 0
    with pytest.raises(OSError, match="refused"):
        ask(edge, port, f"www.{labs[0].domain}", tcp=True)


def test_a_name_server_that_could_not_listen_is_refused(edge: OwnEdge) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        ran = edge.up("--dns", "127.0.0.1", "--dns-port", str(port))
    assert ran.status == 1
    assert f"port {port} of 127.0.0.1 is held by " in ran.err
    ran = edge.up("--dns", "192.0.2.7")
    assert ran.status == 2
    assert "labctl edge up --public --dns 192.0.2.7" in ran.err
    assert edge.up("--dns", "0.0.0.0").status == 2
    assert edge.up().status == 0


def test_status_says_what_is_there(edge: OwnEdge, labs: tuple[OwnLab, OwnLab]) -> None:
    found = edge.must("status", "--json").json
    assert found["machines"] == {"edge": "ready", "bastion": "ready"}
    assert (found["http"], found["https"], found["ssh"]) == (edge.http, edge.https, edge.ssh)
    assert found["classes"][CLASS] == [f"{CLASS}.test", f"{CLASS}.localhost"]
    assert labs[0].name in found["labs"]


def test_other_ports_are_taken_and_the_old_ones_left(home: Home) -> None:
    other = Home(Path(home.directory) / "fourth")
    other.directory.mkdir()
    with OwnEdge(other) as second:
        second.must("up")
        old = second.http
        second.http = free_port()
        second.must("up")
        assert curl(second.url("x.example"), *second.to("x.example")).status == 421
        assert curl(f"http://127.0.0.1:{old}/").exit == 7
