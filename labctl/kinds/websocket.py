"""A server program of your own that speaks WebSocket (RFC 6455), for example with Tornado."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

from labctl import applications
from labctl.kinds import Complaint, Scope
from labctl.model import Check, Expansion, File, Kept, Lab, Limits, Route, Service
from labctl.spec.fields import Content, Doc, Many, Package, Text


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a WebSocket service."""

    content: Annotated[
        str, Content(), Doc("folder with the program, beside the lab file; the service's name")
    ] = ""
    program: Annotated[
        str,
        Text(max_length=60, pattern=r"[A-Za-z_][A-Za-z0-9_]*\.py"),
        Doc("file in it that Python runs; it listens where the variables `HOST` and `PORT` say"),
    ] = "chat.py"
    port: applications.OwnPort = 0
    path: Annotated[
        str,
        Text(max_length=100, pattern=r"/[A-Za-z0-9._~/-]*"),
        Doc("path at which it takes WebSocket connections"),
    ] = "/ws"
    packages: Annotated[
        tuple[str, ...], Many(Package()), Doc("Debian packages that the program imports")
    ] = ("python3-tornado",)
    environment: applications.Environment = field(default_factory=dict)


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """The program is not there."""
    if options.program not in scope.content:
        yield Complaint(("program",), f"there is no file {options.program} in the content")


def expand(service: Service, scope: Scope) -> Expansion:
    """The program, on a port of its own."""
    options: Options = service.options
    port = applications.port(service, scope)
    return Expansion(
        packages=frozenset({"python3", *options.packages}),
        capabilities=frozenset({"SETUID", "SETGID", "KILL"}),
        daemons=(applications.python_server(service, scope),),
        route=Route(port=port, websocket=True),
        ports={"http": port},
        checks=tuple(_checks(service, scope)),
        limits=Limits(memory=128 * 2**20, processes=32),
    )


def _checks(service: Service, scope: Scope) -> Iterable[Check]:
    """The opening handshake through every site, encrypted and plain where the site has both."""
    options: Options = service.options
    for site in scope.sites:
        schemes = ["https"] if site.tls == "ca" and site.open else []
        schemes += ["http"] if site.http == "serve" and site.plain else []
        for scheme in schemes:
            url = site.url(scheme, options.path).replace("http", "ws", 1)
            yield Check(
                name=f"{url} opens",
                service=service.name,
                client="ws",
                ask={"url": url},
                expect={"status": 101, "opened": True},
                hint=f"`labctl logs {service.machine}` shows what the program says",
                seconds=20,
            )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The program and what it serves."""
    yield from applications.code(service, lab)
