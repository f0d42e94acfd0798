"""Virtual private servers: a machine for each service, or for a group that the lab names.

All of them are servers of one provider, on one network, each with a public address of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from labctl.expanded import Expanded
from labctl.model import Lab, Machine, Publishing
from labctl.platforms import Addresses, machines, vps_checks
from labctl.platforms.book import merged, service_of
from labctl.spec.keys import VpsKeys
from labctl.spec.specification import ServiceSpec

SEGMENTS: Mapping[str, Addresses] = {machines.INTERNET: "public"}
INSIDE = False
REPLICAS = True
ADDRESSES = True


def machine(service: ServiceSpec, options: VpsKeys) -> str:
    """The one that the lab names, else one of its own."""
    return service.machine


def place(expanded: Expanded, subnets: Mapping[str, str], publishing: Publishing) -> Lab:
    """Give every service a machine and every machine an address; what the book says counts."""
    subnet = subnets[machines.INTERNET]
    lab = machines.flat(expanded, subnet, publishing, _copies(expanded))
    servers = {**lab.machines, **_ordered(expanded, lab, subnet)}
    placed = replace(
        lab,
        machines={
            name: replace(
                merged(machine, expanded.book), hot=True, isolation=expanded.options.isolation
            )
            for name, machine in servers.items()
        },
    )
    return replace(placed, checks=(*placed.checks, *vps_checks.checks(placed)))


def _ordered(expanded: Expanded, lab: Lab, subnet: str) -> Mapping[str, Machine]:
    """The servers of the provider's book. Theirs are the addresses that the lab leaves free."""
    wanted = {n: one for n, one in expanded.book.servers.items() if n not in lab.machines}
    addresses = machines.assign([*lab.machines, *wanted], subnet)
    found = {}
    for name, server in wanted.items():
        made = machines.machine(
            name,
            [service_of(name, server)],
            {machines.INTERNET: addresses[name]},
            expanded.domain,
            resolver=machines.the(expanded, "resolver"),
        )
        found[name] = replace(made, services=())
    return found


def _copies(expanded: Expanded) -> Mapping[str, int]:
    """How many servers each replicated machine has: as many as its most wanting site asks for."""
    found: dict[str, int] = {}
    for site in expanded.sites:
        machine = expanded.services[site.service].machine
        found[machine] = max(site.replicas, found.get(machine, 1))
    return found
