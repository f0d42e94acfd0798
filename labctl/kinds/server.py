"""A server on which nothing of the lab runs: somebody has ordered it from a provider."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from labctl.kinds import Scope
from labctl.model import Expansion, File, Kept, Lab, Service
from labctl.spec.fields import Doc, Many, Package

BROUGHT = True
DATA = "/srv"  # where its disk is, if it has one of its own (FHS 3.0 section 3.17)


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a server."""

    packages: Annotated[tuple[str, ...], Many(Package()), Doc("Debian packages on it")] = ()
    disk: bool = False


def expand(service: Service, scope: Scope | None = None) -> Expansion:
    """Its packages, and a place for data on a disk; no daemon."""
    options: Options = service.options
    return Expansion(packages=frozenset(options.packages), volumes=(DATA,) if options.disk else ())


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """Nothing but what every machine has."""
    return ()
