"""Virtual private servers: a machine for each service, or for a group that the lab names.

All of them are servers of one provider, on one network, each with a public address of its own.
"""

from __future__ import annotations

from collections.abc import Mapping

from labctl.expand import Expanded
from labctl.model import Lab, Publishing
from labctl.platforms import Addresses, machines
from labctl.spec.keys import VpsKeys
from labctl.spec.lab import ServiceSpec

SEGMENTS: Mapping[str, Addresses] = {machines.INTERNET: "public"}
INSIDE = False


def machine(service: ServiceSpec, options: VpsKeys) -> str:
    """The one that the lab names, else one of its own."""
    return service.machine


def place(expanded: Expanded, subnets: Mapping[str, str], publishing: Publishing) -> Lab:
    """Give every service a machine and every machine an address."""
    return machines.flat(expanded, subnets[machines.INTERNET], publishing)
