"""Which names the edge knows, and whose door each leads to. Pure.

A class is one pattern, whoever is in it: a sandbox that comes or goes changes nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Group:
    """A class: below each of its ``domains``, the last label is a seat.

    ``bandwidth`` is what each TLS connection may have, bits per second in a direction; 0: any.
    """

    name: str
    domains: tuple[str, ...]
    bandwidth: int = 0


@dataclass(frozen=True, slots=True)
class Single:
    """A lab: everything below its ``domains`` is its own.

    ``names`` are its sites' host names: all that it has where a class has the same domain.
    """

    name: str
    domains: tuple[str, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """All classes, and the labs behind the edge."""

    groups: tuple[Group, ...] = ()
    labs: tuple[Single, ...] = ()

    def domains(self) -> tuple[str, ...]:
        """Every domain once, sorted."""
        of_groups = {domain for group in self.groups for domain in group.domains}
        return tuple(sorted(of_groups.union(*(lab.domains for lab in self.labs))))


@dataclass(frozen=True, slots=True)
class Way:
    """A host name, or a regular expression over them, and the door (nginx: map).

    ``rate`` is what a TLS connection there may have, bytes per second; 0: any.
    """

    match: str
    door: str
    rate: int = 0


def ways(known: Known) -> tuple[Way, ...]:
    """Every way to a door, the more special one first. ValueError for what is no domain."""
    shared = {domain for group in known.groups for domain in group.domains}
    found: list[tuple[str, Way]] = []
    for group in known.groups:
        found += [(domain, _of_seats(group, domain)) for domain in group.domains]
    for lab in known.labs:
        found += [(domain, _of_lab(lab, domain)) for domain in lab.domains if domain not in shared]
    found.sort(key=lambda pair: (-len(pair[0]), pair[0]))
    exact = (way for lab in known.labs if shared & {*lab.domains} for way in _exact(lab))
    return (*exact, *(way for _, way in found))


def _of_seats(group: Group, domain: str) -> Way:
    seat = r"(?:[a-z0-9-]+\.)*(?<seat>[a-z0-9-]+)"
    return Way(rf"~*^{seat}\.{_escaped(domain)}\z", f"{group.name}-$seat", group.bandwidth // 8)


def _of_lab(lab: Single, domain: str) -> Way:
    return Way(rf"~*^(?:[a-z0-9-]+\.)*{_escaped(domain)}\z", lab.name)


def _exact(lab: Single) -> Iterable[Way]:
    for name in lab.names:
        _escaped(name)
        yield Way(name, lab.name)


def _escaped(domain: str) -> str:
    """A domain within a regular expression."""
    if not _DOMAIN.fullmatch(domain):
        raise ValueError(f"{domain!r} is no domain")
    return re.escape(domain).replace(r"\-", "-")
