"""Virtual private servers: a machine a service, or a group that the lab names, on one network.

``place`` is pure: subnet and published ports come in as arguments.
"""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Iterable

from labctl import webserver
from labctl.errors import LabctlError
from labctl.expand import Expanded
from labctl.model import HOSTS, Lab, Limits, Machine, Network, Port, Publishing, Service

NETWORK = "internet"
_RESERVED = 3


def place(expanded: Expanded, subnet: str, publishing: Publishing) -> Lab:
    """Give every service a machine and every machine an address of ``subnet`` (CIDR)."""
    groups: dict[str, list[Service]] = {}
    for service in expanded.services.values():
        groups.setdefault(service.machine, []).append(service)
    addresses = assign(groups, subnet)
    machines = {
        name: _machine(name, services, addresses[name], expanded, publishing)
        for name, services in groups.items()
    }
    services = expanded.services.values()
    return Lab(
        name=expanded.name,
        title=expanded.title,
        domain=expanded.domain,
        services=expanded.services,
        sites=expanded.sites,
        machines=machines,
        networks=(Network(NETWORK, subnet),),
        records=tuple(r for s in services for r in s.expansion.records),
        checks=tuple(c for s in services for c in s.expansion.checks),
        contents=expanded.contents,
        accounts=tuple(a for s in services for a in s.expansion.accounts),
        publishing=publishing,
        folder=expanded.folder,
    )


def assign(machines: Iterable[str], subnet: str) -> dict[str, str]:
    """An address for each machine, found from its name: a new machine moves no other.

    LabctlError where the subnet has too few. The first and the last few addresses stay free
    for the host, for gateways and for people.
    """
    hosts = list(ipaddress.IPv4Network(subnet).hosts())
    free = hosts[_RESERVED:-_RESERVED]
    found: dict[str, str] = {}
    taken: set[int] = set()
    for name in machines:
        if len(taken) == len(free):
            raise LabctlError(
                f"{subnet} has room for {len(free)} machines, the lab has more",
                "say a larger one in the lab file, for example `subnet: 198.18.64.0/22`",
                status=2,
            )
        place = zlib.crc32(name.encode()) % len(free)
        while place in taken:
            place = (place + 1) % len(free)
        taken.add(place)
        found[name] = str(free[place])
    return found


def _machine(
    name: str, services: list[Service], address: str, expanded: Expanded, publishing: Publishing
) -> Machine:
    expansions = [service.expansion for service in services]
    packages = _union(e.packages for e in expansions)
    capabilities = _union(e.capabilities for e in expansions)
    daemons = [d for e in expansions for d in e.daemons]
    if any(e.route and e.route.locations for e in expansions) and webserver.DAEMON not in daemons:
        packages |= webserver.PACKAGES
        capabilities |= webserver.CAPABILITIES
        daemons.append(webserver.DAEMON)
    named = [e.host_name for e in expansions if e.host_name]
    return Machine(
        name=name,
        services=tuple(service.name for service in services),
        packages=packages,
        capabilities=capabilities,
        addresses={NETWORK: address},
        host_name=named[0] if named else f"{name}.{HOSTS}.{expanded.domain}",
        limits=_limits([e.limits for e in expansions]),
        volumes=tuple(v for e in expansions for v in e.volumes),
        tmpfs=tuple(dict.fromkeys(t for e in expansions for t in e.tmpfs)),
        ports=tuple(_ports(services, expanded, publishing)),
        daemons=tuple(daemons),
    )


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)


def _limits(limits: list[Limits]) -> Limits:
    return Limits(
        memory=sum(one.memory for one in limits),
        cpus=max(one.cpus for one in limits),
        processes=sum(one.processes for one in limits),
    )


def _ports(services: list[Service], expanded: Expanded, publishing: Publishing) -> Iterable[Port]:
    names = {service.name for service in services}
    if any(service.expansion.published for service in services):
        yield Port(publishing.http, 80)
        yield Port(publishing.https, 443)
        yield Port(publishing.https, 443, "udp")
    for exposed in expanded.expose:
        if exposed.service in names:
            yield Port(exposed.host, exposed.port)
            if exposed.port == 53:
                yield Port(exposed.host, exposed.port, "udp")
