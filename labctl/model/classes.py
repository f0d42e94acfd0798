"""A class of students: whose a sandbox is, and what all of them share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labctl.model.keeping import Want


@dataclass(frozen=True, slots=True)
class Seat:
    """A student's place in a class: what makes a lab their sandbox.

    ``id`` is the student's, ``domain`` the class's. ``door`` is the host's directory where the
    sandbox's fronts and SSH servers have the unix sockets at which the edge finds them. ``own``
    are services that it has although the lab shares them. ``hub`` is the host's directory with
    this seat's sockets of what the class shares. ``turn`` is how many people had the id before.
    """

    group: str
    id: str
    domain: str
    door: str = ""
    own: tuple[str, ...] = ()
    hub: str = ""
    turn: int = 0

    @property
    def lab(self) -> str:
        """The sandbox's name as a lab."""
        return f"{self.group}-{self.id}"


@dataclass(frozen=True, slots=True)
class Group:
    """A class, as its own lab knows it.

    ``students`` are ids, each with a number that no other has. ``own`` are services that each
    student has although the lab shares them.
    """

    name: str
    domain: str
    students: Mapping[str, int]
    own: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """A service that a class shares, as a sandbox reaches it.

    It is called ``host`` and listens on ``ports`` (TCP, by protocol name). ``account`` is the
    student's own there, if any, ``packages`` are programs by which people use it.
    """

    service: str
    host: str
    ports: Mapping[str, int]
    account: Want | None = None
    packages: frozenset[str] = frozenset()


def local_domain(lab: str, seat: Seat | None) -> str:
    """The domain of a lab's names for use on the host: below localhost (RFC 6761 section 6.3)."""
    return f"{seat.id}.{seat.group}.localhost" if seat else f"{lab}.localhost"
