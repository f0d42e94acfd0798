"""The provider's book: what was ordered beside the lab file, and merging it into a lab. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from labctl.kinds import server
from labctl.model import Limits, Machine, Service

SERVER = Limits(memory=128 * 2**20, cpus=0.5, processes=64)


@dataclass(frozen=True, slots=True)
class Resized:
    """A limit that was ordered, and what the lab file said by then."""

    was: float
    now: float


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the lab file does not know: packages and limits, and nothing that serves."""

    packages: tuple[str, ...] = ()
    limits: Limits = SERVER


@dataclass(frozen=True, slots=True)
class Restored:
    """A machine that runs from a snapshot: its image, and the packages that it was made of."""

    image: str
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Book:
    """Everything that was ordered: sizes by machine and limit, servers, restored machines."""

    sizes: Mapping[str, Mapping[str, Resized]] = field(default_factory=dict)
    servers: Mapping[str, Server] = field(default_factory=dict)
    restored: Mapping[str, Restored] = field(default_factory=dict)


def merged(machine: Machine, book: Book) -> Machine:
    """A machine with what was ordered for it.

    The later word counts: where the lab file says another limit than when the order was placed,
    the lab file's; where it wants other packages, they do without the snapshot.
    """
    sizes = {limit: order.now for limit, order in _standing(book, machine).items()}
    restored = book.restored.get(machine.name)
    same = restored is not None and set(restored.packages) == machine.packages
    return replace(
        machine,
        limits=resized(machine.limits, sizes),
        image=restored.image if restored and same else "",
    )


def _standing(book: Book, machine: Machine) -> dict[str, Resized]:
    """The orders for a machine, as the lab file has it, that no later word has overtaken."""
    return {
        limit: order
        for limit, order in book.sizes.get(machine.name, {}).items()
        if order.was == getattr(machine.limits, limit)
    }


def resized(limits: Limits, sizes: Mapping[str, float]) -> Limits:
    """Limits with some changed."""
    whole: dict[str, Any] = {n: v if n == "cpus" else int(v) for n, v in sizes.items()}
    return replace(limits, **whole)


def ordered(book: Book, machine: Machine, wanted: Mapping[str, float]) -> Book:
    """The book with an order for a machine as the lab file has it; the same again is none."""
    orders = {n: Resized(getattr(machine.limits, n), value) for n, value in wanted.items()}
    kept = {n: one for n, one in (_standing(book, machine) | orders).items() if one.was != one.now}
    others = {name: sizes for name, sizes in book.sizes.items() if name != machine.name}
    return replace(book, sizes={**others, machine.name: kept} if kept else others)


def service_of(name: str, wanted: Server) -> Service:
    """A server of the book in the form of a service, from which a machine is made."""
    options = server.Options(wanted.packages, bool(wanted.limits.disk))
    service = Service(name, "server", name, options)
    expansion = replace(server.expand(service), limits=wanted.limits)
    return replace(service, expansion=expansion)


def without(book: Book, machines: Iterable[str]) -> Book:
    """The book without anything about some machines."""
    gone = set(machines)
    return Book(
        {name: one for name, one in book.sizes.items() if name not in gone},
        {name: one for name, one in book.servers.items() if name not in gone},
        {name: one for name, one in book.restored.items() if name not in gone},
    )
