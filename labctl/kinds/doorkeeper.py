"""The doorkeeper of what a class shares: unix sockets for each student, one a port (nginx).

A socket lies in a directory that is one student's alone, so it tells who comes, which nobody can
forge: each student may have a few connections at a time, and comes to the service from a loopback
address of their own, which its logs and its limits know them by. Who may do what is for the
service's login to say: the address is none of those that it trusts (127.0.0.1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from labctl import kinds, shared
from labctl.kinds import Scope
from labctl.model import (
    Daemon,
    Expansion,
    File,
    Kept,
    Lab,
    Limits,
    Probe,
    Service,
    Template,
    Tier,
)
from labctl.webserver import RELOAD

BROUGHT = True
TIER: Tier = "public"
CONFIG = "/etc/doorkeeper/nginx.conf"
PLACE = "/run/hubs"  # where its machine sees the students' directories
SOCKET = "/run/doorkeeper/ready.sock"
AT_ONCE = 4  # connections of one student to one port; a fifth is closed
_OTHERS = 1024  # connections beside those: who is being told that they have too many
_DAEMON = Daemon(
    name="doorkeeper",
    run=("nginx", "-c", CONFIG, "-e", "/dev/stderr", "-g", "daemon off;"),
    prepare=(
        ("install", "-d", "-m", "0755", "/run/doorkeeper"),
        ("rm", "-f", SOCKET),
        ("find", PLACE, "-mindepth", "2", "-maxdepth", "2", "-type", "s", "-delete"),
    ),
    test=("nginx", "-c", CONFIG, "-t", "-q", "-e", "/dev/stderr"),
    reload=(RELOAD, "doorkeeper"),
    watches=("/etc/doorkeeper/",),
    ready=Probe(SOCKET, "^ready"),
)


@dataclass(frozen=True, slots=True)
class Options:
    """What a class tells its doorkeeper: its students, each with a number of their own."""

    students: Mapping[str, int] = field(default_factory=dict)


def expand(service: Service, scope: Scope) -> Expansion:
    """An nginx that hands connections on, whatever they carry."""
    return Expansion(
        packages=frozenset({"libnginx-mod-stream", "nginx"}),
        capabilities=frozenset({"KILL", "SETGID", "SETUID"}),
        daemons=(_DAEMON,),
        limits=Limits(memory=64 * 2**20, processes=8),
    )


def source(number: int) -> str:
    """The loopback address from which a student's connections come (RFC 1122 section 3.2.1.3)."""
    return f"127.{128 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def ways(lab: Lab) -> Iterator[tuple[str, int, str]]:
    """Where connections go: a shared service, its port, and the name of the sockets for it."""
    for service in lab.services.values():
        if service.kind in kinds.implied():
            continue
        for port in dict.fromkeys(service.expansion.ports.values()):
            yield service.name, port, shared.socket(service.name, port)


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """Its configuration: whom it lets in, to what, how many at a time."""
    options: Options = service.options
    found = tuple(ways(lab))
    listening = len(found) * len(options.students)
    context: dict[str, Any] = {
        "students": {name: source(number) for name, number in options.students.items()},
        "ways": found,
        "place": PLACE,
        "ready": SOCKET,
        "at_once": AT_ONCE,
        "connections": listening * (1 + 2 * AT_ONCE) + _OTHERS,
    }
    yield File(CONFIG, Template("doorkeeper/nginx.conf.j2", context), source=service.source)
