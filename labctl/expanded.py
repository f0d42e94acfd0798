"""What expanding a lab yields, and a platform places."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labctl.model import ExposedPort, Offer, PlatformName, Seat, Service, Site, local_domain
from labctl.platforms.book import Book
from labctl.spec.checks import CheckSpec
from labctl.spec.keys import DutyKeys


@dataclass(frozen=True, slots=True)
class Expanded:
    """A lab whose services are expanded but not placed yet.

    ``book`` is what was ordered beside the lab file, where the platform has a provider. What is
    ``shared`` is a class's, and so not among a sandbox's services; ``offers`` is how it is reached.
    """

    name: str
    title: str
    domain: str
    services: Mapping[str, Service]
    sites: tuple[Site, ...]
    expose: tuple[ExposedPort, ...]
    contents: Mapping[str, Mapping[str, bytes]]
    subnets: Mapping[str, str]
    folder: str
    platform: PlatformName
    options: Any
    duties: Mapping[str, DutyKeys] = field(default_factory=dict)
    checks: tuple[CheckSpec, ...] = ()
    book: Book = field(default_factory=Book)
    seat: Seat | None = None
    shared: frozenset[str] = frozenset()
    offers: tuple[Offer, ...] = ()

    @property
    def localhost(self) -> str:
        """The domain of the lab's names for use on the host."""
        return local_domain(self.name, self.seat)
