"""A server program of your own in Python that speaks HTTP by itself, down to bare sockets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from labctl.kinds import Complaint, Scope
from labctl.model import Daemon, Expansion, File, Kept, Lab, Limits, Probe, Route, Service
from labctl.spec.fields import Content, Doc, Many, Package, Port, Table, Text, Variable

USER = "www-data"
# a server cannot be imported to try it, it would serve; but its syntax can be looked at
_COMPILES = "import sys; compile(open(sys.argv[1], 'rb').read(), sys.argv[1], 'exec')"


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a program."""

    content: Annotated[
        str, Content(), Doc("folder with the program, beside the lab file; the service's name")
    ] = ""
    program: Annotated[
        str,
        Text(max_length=60, pattern=r"[A-Za-z_][A-Za-z0-9_]*\.py"),
        Doc("file in it that Python runs; it listens where the variables `HOST` and `PORT` say"),
    ] = "server.py"
    port: Annotated[
        int,
        Port("leave it out and labctl picks one"),
        Doc("port of its machine that it listens on; a free one from 8000 on"),
    ] = 0
    packages: Annotated[
        tuple[str, ...], Many(Package()), Doc("Debian packages that the program imports")
    ] = ()
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


def expand(service: Service, scope: Scope) -> Expansion:
    """The program, on a port of its own."""
    options: Options = service.options
    port = options.port or scope.port
    return Expansion(
        packages=frozenset({"python3", *options.packages}),
        capabilities=frozenset({"SETUID", "SETGID", "KILL"}),
        daemons=(_daemon(service, scope.listen, port),),
        route=Route(port=port),
        ports={"http": port},
        limits=Limits(memory=96 * 2**20, processes=32),
    )


def _daemon(service: Service, address: str, port: int) -> Daemon:
    """The program. A change restarts it."""
    options: Options = service.options
    return Daemon(
        name=f"program-{service.name}",
        run=("python3", options.program),
        user=USER,
        directory=home(service),
        test=("python3", "-c", _COMPILES, f"{home(service)}/{options.program}"),
        watches=(f"{home(service)}/", f"/etc/labctl/daemons/program-{service.name}/"),
        environment={
            **options.environment,
            "HOST": address,
            "PORT": str(port),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        },
        ready=Probe(port, r"^HTTP/1\.[01] ", b"GET / HTTP/1.0\r\nHost: ready.invalid\r\n\r\n"),
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The program and what it reads."""
    for path, content in lab.contents[service.name].items():
        yield File(
            f"{home(service)}/{path}", content, source=lab.content_source(service.name, path)
        )
