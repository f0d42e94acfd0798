"""A server program of your own that speaks WebSocket (RFC 6455), for example with Tornado."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from labctl.kinds import Complaint, Scope
from labctl.model import Check, Daemon, Expansion, File, Kept, Lab, Limits, Probe, Route, Service
from labctl.spec.fields import Content, Doc, Many, Package, Port, Table, Text, Variable

USER = "www-data"
# a server cannot be imported to try it, it would serve; but its syntax can be looked at
_COMPILES = "import sys; compile(open(sys.argv[1], 'rb').read(), sys.argv[1], 'exec')"


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
    port: Annotated[
        int,
        Port("leave it out and labctl picks one"),
        Doc("port of its machine that it listens on; a free one from 8000 on"),
    ] = 0
    path: Annotated[
        str,
        Text(max_length=100, pattern=r"/[A-Za-z0-9._~/-]*"),
        Doc("path at which it takes WebSocket connections"),
    ] = "/ws"
    packages: Annotated[
        tuple[str, ...], Many(Package()), Doc("Debian packages that the program imports")
    ] = ("python3-tornado",)
    environment: Annotated[
        Mapping[str, str], Table(Variable(), Text()), Doc("environment variables, as text")
    ] = field(default_factory=dict)


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """The program is not there."""
    if options.program not in scope.content:
        yield Complaint(("program",), f"there is no file {options.program} in the content")


def home(service: Service) -> str:
    """The directory of the program."""
    return f"/srv/{service.name}"


def port(service: Service, scope: Scope) -> int:
    """The port that it listens on: the lab file's, else a free one."""
    options: Options = service.options
    return options.port or scope.port


def expand(service: Service, scope: Scope) -> Expansion:
    """The program, on a port of its own."""
    options: Options = service.options
    return Expansion(
        packages=frozenset({"python3", *options.packages}),
        capabilities=frozenset({"SETUID", "SETGID", "KILL"}),
        daemons=(_daemon(service, scope),),
        route=Route(port=port(service, scope), websocket=True),
        ports={"http": port(service, scope)},
        checks=tuple(_checks(service, scope)),
        limits=Limits(memory=128 * 2**20, processes=32),
    )


def _daemon(service: Service, scope: Scope) -> Daemon:
    """The program. A change restarts it: its connections live in its memory."""
    options: Options = service.options
    return Daemon(
        name=f"websocket-{service.name}",
        run=("python3", options.program),
        user=USER,
        directory=home(service),
        test=("python3", "-c", _COMPILES, f"{home(service)}/{options.program}"),
        watches=(f"{home(service)}/", f"/etc/labctl/daemons/websocket-{service.name}/"),
        environment={
            **options.environment,
            "HOST": scope.listen,
            "PORT": str(port(service, scope)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        },
        ready=Probe(
            port(service, scope),
            r"^HTTP/1\.[01] ",
            b"GET / HTTP/1.0\r\nHost: ready.invalid\r\n\r\n",
        ),
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
    for path, content in lab.contents[service.name].items():
        yield File(
            f"{home(service)}/{path}", content, source=lab.content_source(service.name, path)
        )
