"""A lab as its file says it: what reading the file (``labctl.spec.lab``) makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from labctl.model import Http, Limits, Offer, PlatformName, Seat, Tls, local_domain
from labctl.spec.checks import CheckSpec
from labctl.spec.keys import DutyKeys, ExposeKeys, PlatformsKeys


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A service as the lab file says it, with its content by relative path.

    One that is ``shared`` is there once for a whole class.
    """

    name: str
    kind: str
    machine: str
    limits: Mapping[str, Any]
    options: Any
    content: Mapping[str, bytes]
    source: str
    shared: bool = False


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """A site as the lab file says it; ``names`` relative to the domain, the first canonical.

    ``key`` is what the lab file calls it, ``name`` the ASCII form of that.
    """

    key: str
    name: str
    service: str
    names: tuple[str, ...]
    tls: Tls
    http: Http
    config: bytes
    config_source: str
    source: str
    inside: bool = False
    replicas: int = 1
    front: str = ""
    port: int = 0
    own_address: bool = False
    party: str = ""
    inspect: bool = False
    clients: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Spec:
    """A lab as its file says it.

    Where the reader has problems, it is what could be read: ``broken`` are services that could
    not. ``expose`` are exposed ports by their number in the lab file's list. Services that are
    ``shared`` are not in it: the class has them, and ``offers`` say how they are reached.
    """

    name: str
    title: str
    domain: str
    folder: Path
    services: Mapping[str, ServiceSpec]
    sites: tuple[SiteSpec, ...]
    expose: Mapping[int, ExposeKeys]
    subnet: str
    broken: frozenset[str] = frozenset()
    platform: PlatformName = "vps"
    platforms: PlatformsKeys = field(default_factory=PlatformsKeys)
    duties: Mapping[str, DutyKeys] = field(default_factory=dict)
    checks: tuple[CheckSpec, ...] = ()
    seat: Seat | None = None
    shared: frozenset[str] = frozenset()
    offers: tuple[Offer, ...] = ()

    @property
    def localhost(self) -> str:
        """The domain of the lab's names for use on the host."""
        return local_domain(self.name, self.seat)

    def on(self, platform: PlatformName) -> Any:
        """What the lab file says about a platform."""
        return getattr(self.platforms, platform.replace("-", "_"))


def limits_of(spec: ServiceSpec, needed: Limits) -> Limits:
    """The limits that a lab file says, over those that a kind needs."""
    return replace(needed, **spec.limits)
