"""Bare metal: one machine, one operating system, one address, all servers side by side.

They share its processes, disk, users and ports. The lab file may name further machines. Who
only visits (the client, and the resolver of its provider) has a machine elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from labctl import kinds
from labctl.expand import Expanded
from labctl.model import Lab, Publishing
from labctl.platforms import Addresses, machines
from labctl.spec.keys import BareMetalKeys
from labctl.spec.lab import ServiceSpec

SEGMENTS: Mapping[str, Addresses] = {machines.INTERNET: "public"}
INSIDE = False
SERVER = "server"


def machine(service: ServiceSpec, options: BareMetalKeys) -> str:
    """The machine that the lab names for it here, else the one that runs everything."""
    if kinds.tier(service.kind) == "outside":
        return service.machine
    named = (name for name, services in options.machines.items() if service.name in services)
    return next(named, SERVER)


def place(expanded: Expanded, subnets: Mapping[str, str], publishing: Publishing) -> Lab:
    """Everything that answers on the server, on the Internet with one address."""
    return machines.flat(expanded, subnets[machines.INTERNET], publishing)
