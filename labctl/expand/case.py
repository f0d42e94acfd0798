"""A whole lab as it is judged: its services and sites beside what the lab file says of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from labctl.expand.services import Services
from labctl.expand.setting import Setting
from labctl.model import Site
from labctl.spec.specification import SiteSpec


@dataclass(frozen=True, slots=True)
class Case:
    """What there is to judge; ``broken`` are services that have been complained of already."""

    here: Setting
    services: Services
    sites: tuple[Site, ...]
    broken: frozenset[str]

    @property
    def written(self) -> Iterator[tuple[Site, SiteSpec]]:
        """Each site with what the lab file says of it."""
        return zip(self.sites, self.here.spec.sites, strict=True)
