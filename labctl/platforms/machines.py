"""What platforms share: addresses for machines, and a machine for a group of services."""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from labctl import apache, kinds, ssh, webserver
from labctl.errors import LabctlError
from labctl.expanded import Expanded
from labctl.model import (
    HOSTS,
    Daemon,
    Expansion,
    Extra,
    Lab,
    Limits,
    Machine,
    Network,
    Port,
    Publishing,
    Server,
    Service,
    Volume,
)

INTERNET = "internet"
BESIDE = "169.254.16.0/20"
_RESERVED = 3
_SERVERS: Mapping[Server, Expansion] = {
    "nginx": Expansion(webserver.PACKAGES, webserver.CAPABILITIES, (webserver.DAEMON,)),
    "apache": Expansion(apache.PACKAGES, apache.CAPABILITIES, (apache.DAEMON,)),
}
_SSH = Expansion(ssh.PACKAGES, ssh.CAPABILITIES, (ssh.DAEMON,))


def grouped(services: Iterable[Service]) -> dict[str, list[Service]]:
    """The services of each machine."""
    groups: dict[str, list[Service]] = {}
    for service in services:
        groups.setdefault(service.machine, []).append(service)
    return groups


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


def machine(
    name: str,
    services: Sequence[Service],
    addresses: Mapping[str, str],
    domain: str,
    ports: Iterable[Port] = (),
    **more: Any,
) -> Machine:
    """One machine that runs these services, with everything that they need of it.

    ``addresses`` by network; ``more`` are further fields of the machine.
    """
    expansions = [service.expansion for service in services]
    logs_in = ssh.wanted(services, company=bool(more.get("public")))
    own = [*_web_server(expansions), *([_SSH] if logs_in else [])]
    named = [e.host_name for e in expansions if e.host_name]
    volumes = tuple(volume for service in services for volume in _volumes(service))
    return Machine(
        name=name,
        services=tuple(service.name for service in services),
        packages=_union(one.packages for one in (*expansions, *own)),
        extra=_extra([one.extra for one in expansions]),
        capabilities=_union(one.capabilities for one in (*expansions, *own)),
        addresses=addresses,
        host_name=named[0] if named else f"{name}.{HOSTS}.{domain}",
        limits=_limits([e.limits for e in expansions], sum(volume.size for volume in volumes)),
        volumes=volumes,
        tmpfs=tuple(dict.fromkeys(t for e in expansions for t in e.tmpfs)),
        ports=tuple(ports),
        daemons=_once(d for one in (*expansions, *own) for d in one.daemons),
        wants=ssh.wants(name) if logs_in else (),
        sysctls={name: value for e in expansions for name, value in e.sysctls.items()},
        environment={name: value for e in expansions for name, value in e.environment.items()},
        **more,
    )


def _web_server(expansions: Sequence[Expansion]) -> Iterable[Expansion]:
    """The web servers that a machine needs where its services are answered by one, bringing none.

    (Two would want one port, which is refused before.)
    """
    daemons = {daemon.name for e in expansions for daemon in e.daemons}
    wanted = {e.route.server for e in expansions if e.route and e.route.locations}
    for server in sorted(wanted):
        if not daemons & {daemon.name for daemon in _SERVERS[server].daemons}:
            yield _SERVERS[server]


def published(
    services: Iterable[Service], expanded: Expanded, publishing: Publishing
) -> Iterable[Port]:
    """The ports of a machine with these services that are published on the host."""
    services = tuple(services)
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


def the(expanded: Expanded, kind: str) -> str:
    """The name of the lab's one service of an implied kind."""
    return next(s.name for s in expanded.services.values() if s.kind == kind)


def flat(
    expanded: Expanded,
    subnet: str,
    publishing: Publishing,
    copies: Mapping[str, int] | None = None,
) -> Lab:
    """Every machine on one segment, the Internet; ``copies`` of some, two and more."""
    groups = grouped(expanded.services.values())
    replicas = {
        (f"{name}-{n}" if n > 1 else name): (services, n)
        for name, services in groups.items()
        for n in range(1, 1 + (copies or {}).get(name, 1))
    }
    addresses = assign(replicas, subnet)
    further = _further(expanded)
    machines = {
        name: machine(
            name,
            services,
            {INTERNET: addresses[name]},
            expanded.domain,
            published(services, expanded, publishing),
            resolver=the(expanded, "resolver"),
            replica=replica,
            further=further.get(name, {}),
        )
        for name, (services, replica) in replicas.items()
    }
    return lab(expanded, machines, (Network(INTERNET, subnet),), publishing)


def _further(expanded: Expanded) -> Mapping[str, Mapping[str, str]]:
    """More addresses of machines: of the sites that have their own, and of whoever visits these.

    They are link-local (RFC 3927): the engine gives a machine no second one of another kind. Who
    is to reach one needs one too.
    """
    services = expanded.services
    owners = [(services[s.front].machine, s.name) for s in expanded.sites if s.own_address]
    if owners:
        owners += [(s.machine, "") for s in services.values() if kinds.tier(s.kind) == "outside"]
    addresses = assign([" ".join(owner) for owner in owners], BESIDE)
    found: dict[str, dict[str, str]] = {}
    for machine, site in owners:
        found.setdefault(machine, {})[site] = addresses[f"{machine} {site}"]
    return found


def lab(
    expanded: Expanded,
    machines: Mapping[str, Machine],
    networks: tuple[Network, ...],
    publishing: Publishing,
) -> Lab:
    """The lab on these machines and networks."""
    services = expanded.services.values()
    return Lab(
        name=expanded.name,
        title=expanded.title,
        domain=expanded.domain,
        services=expanded.services,
        sites=expanded.sites,
        machines=machines,
        networks=networks,
        platform=expanded.platform,
        records=tuple(r for s in services for r in s.expansion.records),
        checks=tuple(c for s in services for c in s.expansion.checks),
        contents=expanded.contents,
        accounts=tuple(a for s in services for a in s.expansion.accounts),
        publishing=publishing,
        folder=expanded.folder,
        seat=expanded.seat,
        offers=expanded.offers,
    )


def _once(daemons: Iterable[Daemon]) -> tuple[Daemon, ...]:
    """A daemon that several services share, once."""
    return tuple({daemon.name: daemon for daemon in daemons}.values())


def _volumes(service: Service) -> Iterable[Volume]:
    for path in service.expansion.volumes:
        size = service.expansion.limits.disk
        yield Volume(f"{service.name}{path.replace('/', '-')}", path, size)


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)


def _extra(extras: Sequence[Extra]) -> Extra:
    """What all of them want of one image, of which at most one has a root (``expand.judge``)."""
    libraries = frozenset(one for extra in extras for one in extra.libraries)
    return Extra(libraries, next((extra.root for extra in extras if extra.root), ""))


def _limits(limits: list[Limits], disk: int) -> Limits:
    return Limits(
        memory=sum(one.memory for one in limits),
        cpus=max(one.cpus for one in limits),
        processes=sum(one.processes for one in limits),
        disk=disk,
        bandwidth=sum(one.bandwidth for one in limits),
    )
