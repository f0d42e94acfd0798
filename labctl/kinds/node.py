"""A web application in JavaScript, run by Node.js, for example with Express."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

from labctl import applications, databases
from labctl.applications import USER, data, home
from labctl.kinds import Complaint, Scope
from labctl.model import Daemon, Expansion, File, Kept, Lab, Limits, Route, Service
from labctl.spec.fields import Content, Doc, Many, Name, Package, Text


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a Node.js service."""

    content: Annotated[
        str, Content(), Doc("folder with the application, beside the lab file; the service's name")
    ] = ""
    program: Annotated[
        str,
        Text(max_length=60, pattern=r"[A-Za-z_][A-Za-z0-9_-]*\.[cm]?js"),
        Doc("file in it that Node.js runs; it listens where the variables `HOST` and `PORT` say"),
    ] = "server.js"
    port: applications.OwnPort = 0
    packages: Annotated[
        tuple[str, ...], Many(Package()), Doc("Debian packages that the application requires")
    ] = ("node-express",)
    libraries: Annotated[str, applications.Pins(), Doc(applications.NPM)] = ""
    environment: applications.Environment = field(default_factory=dict)
    database: Annotated[str, Name(), Doc(applications.DATABASE)] = ""
    prepare: Annotated[tuple[str, ...], Many(Text(400)), Doc(applications.PREPARE)] = ()


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """The program is not there, or something else that the application needs."""
    yield from applications.problems(options, "npm", scope)
    yield from applications.no_program(options, scope)


def daemon(service: Service) -> str:
    """The name of the daemon that runs the application."""
    return f"node-{service.name}"


def expand(service: Service, scope: Scope) -> Expansion:
    """The program, on a port of its own."""
    options: Options = service.options
    port = applications.port(service, scope)
    return Expansion(
        packages=frozenset({"nodejs", *options.packages}),
        capabilities=frozenset({"SETUID", "SETGID", "KILL", "CHOWN"}),
        daemons=(_daemon(service, scope, port),),
        route=Route(port=port),
        ports={"http": port},
        volumes=(data(service),),
        limits=Limits(memory=192 * 2**20, processes=64),
        extra=applications.in_image(service, "npm", scope),
        wants=databases.wants(service.name, options.database),
        flows=databases.flows(service.name, options.database),
        database=options.database,
    )


def _daemon(service: Service, scope: Scope, port: int) -> Daemon:
    """The program. A change restarts it: it is in its memory."""
    options: Options = service.options
    return Daemon(
        name=daemon(service),
        run=("node", options.program),
        user=USER,
        prepare=(
            ("chown", f"{USER}:{USER}", data(service)),
            *databases.prepared(service.name, options.prepare),
        ),
        test=("node", "--check", options.program),
        directory=home(service),
        watches=(f"{home(service)}/", f"/etc/labctl/daemons/{daemon(service)}/"),
        environment={
            "NODE_ENV": "production",
            **options.environment,
            **applications.found("NODE_PATH", service, "/node_modules"),
            "DATA_DIR": data(service),
            "HOST": scope.listen,
            "PORT": str(port),
        },
        ready=applications.speaks_http(port),
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The application's code, and what it is told of its database."""
    yield from applications.told(service, daemon(service), lab, kept)
