"""A web application in a container image of its own, made with any framework.

The image is Debian's or made from it: a machine of the lab is built on top of it, so the
application has what every machine has (a way to log in, names, the lab's authority, limits, a log).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from labctl import databases
from labctl.applications import DATABASE, PREPARE
from labctl.kinds import Complaint, Scope
from labctl.model import (
    Daemon,
    Expansion,
    Extra,
    File,
    Kept,
    Lab,
    Limits,
    Probe,
    Route,
    Service,
)
from labctl.spec.fields import Doc, Many, Name, Port, Table, Text, Variable

START = "/usr/lib/labctl/application"
_SYSTEM = {"boot", "dev", "etc", "labctl", "proc", "run", "sys", "tmp"}
_SHARED = {
    "/bin", "/home", "/lib", "/opt", "/root", "/sbin", "/srv", "/usr", "/usr/bin", "/usr/lib",
    "/usr/sbin", "/usr/share", "/var", "/var/lib", "/var/opt",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """Options of an application in an image."""

    image: Annotated[
        str,
        Text(max_length=200, pattern=r"[A-Za-z0-9][A-Za-z0-9._/:@-]*"),
        Doc("image that the engine has, or that its registry gives; Debian's, or made from it"),
    ]
    port: Annotated[int, Port(), Doc("port on which the application answers HTTP")]
    health: Annotated[
        str,
        Text(max_length=100, pattern=r"/[A-Za-z0-9._~/-]*"),
        Doc("path that is answered with a status below 400 once the application works"),
    ] = "/"
    command: Annotated[
        tuple[str, ...], Many(Text(400)), Doc("program and arguments; what the image says")
    ] = ()
    environment: Annotated[
        Mapping[str, str], Table(Variable(), Text()), Doc("environment variables, as text")
    ] = field(default_factory=dict)
    data: Annotated[
        tuple[str, ...],
        Many(Text(100, r"/[A-Za-z0-9._/-]+")),
        Doc("directories whose data outlives the machine"),
    ] = ()
    database: Annotated[str, Name(), Doc(DATABASE)] = ""
    prepare: Annotated[tuple[str, ...], Many(Text(400)), Doc(PREPARE)] = ()


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """What else the application needs is missing, or what it keeps is not its own."""
    yield from databases.problems(options, scope)
    for number, path in enumerate(options.data):
        if posixpath.normpath(path) != path or path.split("/")[1] in _SYSTEM or path in _SHARED:
            message = f"{path} is no directory of an application's own"
            yield Complaint(("data", number), message, "for example /var/lib/shop")


def daemon(service: Service) -> str:
    """The name of the daemon that runs the application."""
    return f"image-{service.name}"


def expand(service: Service, scope: Scope) -> Expansion:
    """What the image was made for, on a machine made of it."""
    options: Options = service.options
    return Expansion(
        capabilities=frozenset({"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"}),
        daemons=(_daemon(service),),
        route=Route(port=options.port),
        ports={"http": options.port},
        volumes=options.data,
        limits=Limits(memory=512 * 2**20, processes=200),
        extra=Extra(root=options.image),
        wants=databases.wants(service.name, options.database),
        flows=databases.flows(service.name, options.database),
        database=options.database,
    )


def _daemon(service: Service) -> Daemon:
    options: Options = service.options
    return Daemon(
        name=daemon(service),
        run=(START, *options.command),
        prepare=databases.prepared(service.name, options.prepare),
        restarts=(f"/etc/labctl/daemons/{daemon(service)}/",),
        environment={"PORT": str(options.port), **options.environment},
        ready=Probe(
            options.port,
            r"^HTTP/1\.[01] [23]",
            f"GET {options.health} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode(),
        ),
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """What the application is told of its database; all else is in its image."""
    yield from databases.environment(service, daemon(service), lab, kept)
    yield databases.run_through(service, daemon(service), (START,), "/")
