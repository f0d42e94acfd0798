"""Platforms: how services are placed on machines and networks. One module each, found by name.

A platform module has

* a docstring whose first line says what the platform is,
* ``SEGMENTS``: its networks by name, and whether they have public or private addresses,
* ``INSIDE``: whether it has a network of its own, where sites may exist that outsiders never see,
* ``REPLICAS``: whether several machines may run one service,
* ``ADDRESSES``: whether a site may have an address of its own,
* ``machine(service, options) -> str``: the machine that runs a service,
* ``place(expanded, subnets, publishing) -> Lab``: the services on machines and networks,
* optionally ``brings(spec) -> Iterable[ServiceSpec]``: services that it has beside the lab's own,
* optionally ``problems(services, options) -> Iterable[Complaint]``: what cannot be placed, with
  the path in the lab file,
* optionally ``asked(check, lab) -> Check``: a check that does not say from where it is asked, as
  it can be asked there.

All of it is pure. ``options`` is what the lab file says about the platform. No kind of service
knows of platforms: what a kind says of itself is its tier (``labctl.kinds``).
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast, get_args

from labctl.model import Check, Lab, PlatformName, Publishing

if TYPE_CHECKING:
    from labctl.expanded import Expanded
    from labctl.spec.specification import ServiceSpec

NAMES: tuple[PlatformName, ...] = get_args(PlatformName)
Addresses = Literal["public", "private"]


class Platform(Protocol):
    """The face of a platform module."""

    __doc__: str
    SEGMENTS: Mapping[str, Addresses]
    INSIDE: bool
    REPLICAS: bool
    ADDRESSES: bool

    def machine(self, service: ServiceSpec, options: Any) -> str:
        """The name of the machine that runs a service."""

    def place(self, expanded: Expanded, subnets: Mapping[str, str], publishing: Publishing) -> Lab:
        """The lab on machines and networks; ``subnets`` in CIDR form by segment."""


@cache
def load(name: PlatformName) -> Platform:
    """The platform called ``name``."""
    return cast(Platform, importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))


def summary(name: PlatformName) -> str:
    """The first line of a platform's docstring."""
    return load(name).__doc__.partition("\n")[0]


def asked(check: Check, lab: Lab) -> Check:
    """A check of nobody in particular, asked from where the lab's platform lets it be asked."""
    moved = getattr(load(lab.platform), "asked", None)
    return cast(Check, moved(check, lab)) if moved else check


def placed(expanded: Expanded, subnets: Mapping[str, str], publishing: Publishing) -> Lab:
    """A lab on the machines and networks of its platform, with the checks of its file."""
    from labctl.spec.checks import made

    lab = load(expanded.platform).place(expanded, subnets, publishing)
    own = tuple(made(spec, lab) for spec in expanded.checks)
    return replace(lab, checks=(*lab.checks, *own))
