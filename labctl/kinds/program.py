"""A server program of your own in Python that speaks HTTP by itself, down to bare sockets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

from labctl import applications
from labctl.kinds import Complaint, Scope
from labctl.model import Expansion, File, Kept, Lab, Limits, Route, Service
from labctl.spec.fields import Content, Doc, Many, Package, Text


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
    port: applications.OwnPort = 0
    packages: Annotated[
        tuple[str, ...], Many(Package()), Doc("Debian packages that the program imports")
    ] = ()
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
        route=Route(port=port),
        ports={"http": port},
        limits=Limits(memory=96 * 2**20, processes=32),
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The program and what it reads."""
    yield from applications.code(service, lab)
