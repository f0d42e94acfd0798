"""Bare metal: one machine, one operating system, one address, all servers side by side.

They share its processes, disk, users and ports. The lab file may name further machines. Who
only visits (the client, and the resolver of its provider) has a machine elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labctl import kinds
from labctl.expanded import Expanded
from labctl.kinds import Complaint
from labctl.model import Lab, Publishing, Service
from labctl.platforms import Addresses, machines
from labctl.spec.keys import BareMetalKeys
from labctl.spec.problems import nearest
from labctl.spec.specification import ServiceSpec

SEGMENTS: Mapping[str, Addresses] = {machines.INTERNET: "public"}
INSIDE = False
REPLICAS = False
ADDRESSES = True
SERVER = "server"


def machine(service: ServiceSpec, options: BareMetalKeys) -> str:
    """The machine that the lab names for it here, else the one that runs everything."""
    if kinds.tier(service.kind) == "outside":
        return service.machine
    named = (name for name, services in options.machines.items() if service.name in services)
    return next(named, SERVER)


def problems(services: Mapping[str, Service], options: BareMetalKeys) -> Iterable[Complaint]:
    """Further machines that run what is not there, what another runs, or nobody's business."""
    taken: dict[str, str] = {}
    outside = [s for s in services.values() if kinds.tier(s.kind) == "outside"]
    visitors = {service.name for service in outside}
    for name, wanted in options.machines.items():
        path = ("platforms", "bare-metal", "machines", name)
        if name in {service.machine for service in outside}:
            yield Complaint(path, f"'{name}' is a visitor's machine", "give it another name")
        for number, service in enumerate(wanted):
            if service not in services:
                message, hint = f"there is no service '{service}'", nearest(service, services)
            elif service in visitors:
                message, hint = f"'{service}' is a visitor's", "leave it out"
            elif taken.setdefault(service, name) != name:
                message, hint = f"'{taken[service]}' runs '{service}' already", "remove one"
            else:
                continue
            yield Complaint((*path, number), message, hint)


def place(expanded: Expanded, subnets: Mapping[str, str], publishing: Publishing) -> Lab:
    """Everything that answers on the server, on the Internet with one address."""
    return machines.flat(expanded, subnets[machines.INTERNET], publishing)
