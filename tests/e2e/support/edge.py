"""An edge of the tests' own, and doors behind it that need no lab."""

from __future__ import annotations

import contextlib
import http.server
import json
import shutil
import socket
import socketserver
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker

from tests.e2e.support.home import Home, Ran, run
from tests.e2e.support.lab import LABEL, OwnLab
from tests.e2e.support.ports import free_port

_STATE, _MACHINE = "hosting-labctl.state", "hosting-labctl.machine"
_ENROL = """
import sys
from labctl.classes import registry
from labctl.classes.record import ClassRecord
from labctl.classes.roster import Student
name, keys = sys.argv[1], dict(pair.split("=", 1) for pair in sys.argv[2:])
students = [Student(id, id, key=key) for id, key in keys.items()]
if registry.find(name):
    registry.enrol(name, students)
else:
    record = ClassRecord(name, "stacks/hello/lab.yml", f"{name}.test", "bare-metal")
    registry.create(record, students)
"""


class OwnEdge:
    """An edge that belongs to a test: on ports that nobody else has, gone afterwards."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.http, self.https, self.ssh = free_port(), free_port(), free_port()
        self.client = docker.from_env()

    def up(self, *words: str) -> Ran:
        """Bring it up; its exit status is the caller's to judge."""
        ports = ("--http", self.http, "--https", self.https, "--ssh", self.ssh)
        return self.home.labctl("edge", "up", *map(str, ports), *words)

    def must(self, *words: str) -> Ran:
        """Run `labctl edge words`, which has to succeed."""
        ran = self.up() if words == ("up",) else self.home.labctl("edge", *words)
        assert ran.status == 0, ran.said
        return ran

    def python(self, code: str, *arguments: str) -> str:
        """Run Python with labctl at hand, as the owner of this home; what it prints."""
        command = [sys.executable, "-c", code, *arguments]
        ran = run(command, env=self.home.environment, cwd=self.home.directory)
        assert ran.status == 0, ran.said
        return ran.out

    def activity(self) -> dict[str, float]:
        """When each lab behind it was last used, as labctl tells."""
        code = "import json; from labctl.work.edge import activity; print(json.dumps(activity()))"
        found: dict[str, float] = json.loads(self.python(code))
        return found

    def enrol(self, group: str, **keys: str) -> None:
        """Make a class, or give one that there is more students, each with a public key or ""."""
        self.python(_ENROL, group, *(f"{who}={key}" for who, key in keys.items()))

    def container(self, machine: str) -> str:
        """The name of a machine's container."""
        (found,) = self.client.containers.list(
            filters={"label": [f"{_MACHINE}={machine}", f"{_STATE}={self.state}"]},
            ignore_removed=True,
        )
        name: str = found.name
        return name

    @property
    def state(self) -> Path:
        """Its state directory."""
        (found,) = (self.home.data / "edge" / "state").iterdir()
        return found

    def exec(self, machine: str, *command: str) -> str:
        """The output of a command on one of its machines, which has to succeed."""
        ran = run(["docker", "exec", self.container(machine), *command])
        assert ran.status == 0, ran.said
        return ran.out

    def processes(self, machine: str) -> dict[int, str]:
        """What runs on one of its machines, by number, this question apart."""
        look = 'for p in /proc/[0-9]*; do echo "${p#/proc/} $(tr "\\0" " " <$p/cmdline)"; done'
        lines = self.exec(machine, "sh", "-c", look + " 2>/dev/null").splitlines()
        pairs = (line.partition(" ") for line in lines)
        return {
            int(n): text.strip() for n, _, text in pairs if text.strip() and look[:9] not in text
        }

    def workers(self) -> set[int]:
        """The process numbers of nginx's workers that take new connections."""
        found = self.processes("edge").items()
        return {n for n, text in found if text == "nginx: worker process"}

    def log(self, machine: str = "edge") -> str:
        """All that one of its machines has said."""
        return run(["docker", "logs", self.container(machine)]).said

    def url(self, host: str, path: str = "/", scheme: str = "http") -> str:
        """The address of something behind it."""
        return f"{scheme}://{host}:{self.https if scheme == 'https' else self.http}{path}"

    def to(self, host: str) -> tuple[str, ...]:
        """curl's words for a name that this host does not resolve."""
        return ("--resolve", f"{host}:{self.http}:127.0.0.1", "--resolve",
                f"{host}:{self.https}:127.0.0.1")  # fmt: skip

    def __enter__(self) -> OwnEdge:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Take it down with all that it keeps."""
        ran = self.home.labctl("edge", "down", "--purge")
        ours = str(self.home.data / "edge" / "state")
        left = [one for one in self.client.containers.list(
                    all=True, filters={"label": LABEL}, ignore_removed=True
                )
                if one.labels.get(_STATE, "").startswith(ours)]  # fmt: skip
        for container in left:
            container.remove(force=True)
        shutil.rmtree(self.home.doors, ignore_errors=True)
        self.client.close()
        assert ran.status == 0, ran.said
        assert not left


class Door:
    """A stand-in for a sandbox's front: HTTP at a door's socket, told what was asked."""

    def __init__(self, edge: OwnEdge, lab: str, text: str = "") -> None:
        self.directory = edge.home.doors / "doors" / lab
        self.directory.mkdir(exist_ok=True)
        self.directory.chmod(0o777)
        self.path = self.directory / "http.sock"
        self.path.unlink(missing_ok=True)
        self.text = text or lab
        self.go_on = threading.Event()  # a slow answer's second half waits for it
        self.asked: list[dict[str, str]] = []
        self.server = _Server(str(self.path), self._handler())
        self.path.chmod(0o666)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        door = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                door.asked.append({k.lower(): v for k, v in self.headers.items()})
                body = door.text.encode()
                self.send_response(200)
                self.send_header("Content-Length", str(2 * len(body) if self.slow else len(body)))
                self.end_headers()
                self.wfile.write(body)
                if self.slow:
                    self.wfile.flush()
                    door.go_on.wait(600)
                    self.wfile.write(body)

            @property
            def slow(self) -> bool:
                return self.path == "/slow"

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its name there)
                pass

        return Handler

    def close(self) -> None:
        """Stop answering; the socket goes."""
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()
        self.path.unlink(missing_ok=True)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self) -> tuple[socket.socket, Any]:
        request, _ = super().get_request()
        return request, ("unix", 0)


@contextlib.contextmanager
def door(edge: OwnEdge, lab: str) -> Iterator[Door]:
    """A stand-in at the door of ``lab``, gone afterwards."""
    made = Door(edge, lab)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(made.directory, ignore_errors=True)


def behind(lab: OwnLab, edge: OwnEdge) -> OwnLab:
    """A lab brought up behind the edge, whose ports are then its own."""
    ran = lab.home.labctl("up", str(lab.folder), "--name", lab.name, "--edge")
    assert ran.status == 0, ran.said
    lab.http, lab.https = edge.http, edge.https
    return lab


def published(lab: OwnLab) -> list[int]:
    """The host's ports that a lab has."""
    found = set()
    for container in lab.containers():
        for ends in (container.attrs["NetworkSettings"]["Ports"] or {}).values():
            found |= {int(end["HostPort"]) for end in ends or ()}
    return sorted(found)


def raw(edge: OwnEdge, request: bytes) -> bytes:
    """What comes back for a request as it is written here."""
    with socket.create_connection(("127.0.0.1", edge.http), 10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def log_of(lab: OwnLab, machine: str) -> str:
    """All that a machine of a lab has said."""
    return run(["docker", "logs", lab.container(machine)]).said


def lines_with(text: str, *words: str) -> list[str]:
    """The lines in which all of these words are."""
    return [line for line in text.splitlines() if all(word in line for word in words)]
