"""A server program of your own that speaks WebSocket (RFC 6455), for example with Tornado."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Annotated

from labctl import applications
from labctl.kinds import Scope
from labctl.model import Check, Expansion, File, Kept, Lab, Route, Service
from labctl.spec.fields import Doc, Many, Package, Text


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a WebSocket service."""

    content: applications.Folder = ""
    program: applications.PythonFile = "chat.py"
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


problems = applications.no_program


def expand(service: Service, scope: Scope) -> Expansion:
    """The program, on a port of its own."""
    server = applications.python_server(service, scope, mebibytes=128)
    route = Route(port=applications.port(service, scope), websocket=True)
    return replace(server, route=route, checks=tuple(_checks(service, scope)))


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
