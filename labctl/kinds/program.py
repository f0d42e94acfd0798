"""A server program of your own in Python that speaks HTTP by itself, down to bare sockets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

from labctl import applications
from labctl.kinds import Scope
from labctl.model import Expansion, File, Kept, Lab, Service
from labctl.spec.fields import Doc, Many, Package


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a program."""

    content: applications.Folder = ""
    program: applications.PythonFile = "server.py"
    port: applications.OwnPort = 0
    packages: Annotated[
        tuple[str, ...], Many(Package()), Doc("Debian packages that the program imports")
    ] = ()
    environment: applications.Environment = field(default_factory=dict)


problems = applications.no_program


def expand(service: Service, scope: Scope) -> Expansion:
    """The program, on a port of its own."""
    return applications.python_server(service, scope, mebibytes=96)


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The program and what it reads."""
    yield from applications.code(service, lab)
