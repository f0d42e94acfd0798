"""On-premise: a company's own network behind a gateway, with a DMZ for what strangers talk to.

Three segments: the Internet with the visitors and their provider's resolver, the DMZ, the LAN.
The company has one public address, the gateway's, which sends some of its ports on to servers.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import replace

from labctl import kinds
from labctl.expanded import Expanded
from labctl.kinds import Complaint
from labctl.kinds import gateway as gateways
from labctl.kinds.gateway import DMZ, INTERNET, LAN, Forward
from labctl.model import Check, ExposedPort, Lab, Machine, Network, Port, Publishing, Service
from labctl.platforms import Addresses, machines, perimeter
from labctl.spec.keys import OnPremiseKeys
from labctl.spec.specification import ServiceSpec, Spec

SEGMENTS: Mapping[str, Addresses] = {INTERNET: "public", DMZ: "private", LAN: "private"}
INSIDE = True
REPLICAS = False
ADDRESSES = False
GATEWAY, INTRANET_FRONT, INSIDE_DNS = "gateway", "intranet-front", "inside-dns"
WORKSTATION, RELAY, PROXY = perimeter.WORKSTATION, "relay", perimeter.PROXY
# where what the platform brings stands, if not where its kind belongs
_PLACES = {INTRANET_FRONT: LAN, INSIDE_DNS: LAN, WORKSTATION: LAN}
_TIERS = {"outside": INTERNET, "public": DMZ, "inside": LAN}


def brings(spec: Spec) -> Iterable[ServiceSpec]:
    """What a company has beside the lab's own services."""
    yield _brought(GATEWAY, "gateway")
    yield _brought(INSIDE_DNS, "resolver")
    yield _brought(WORKSTATION, "client")
    if any(site.inside for site in spec.sites):
        yield _brought(INTRANET_FRONT, "front", machine="intranet")
    for mail in [one.name for one in spec.services.values() if one.kind == "mail"][:1]:
        yield _brought(RELAY, "relay", mail=mail)
    if spec.platforms.on_premise.outgoing == "proxy":
        yield _brought(PROXY, "proxy")


def _brought(name: str, kind: str, machine: str = "", **options: str) -> ServiceSpec:
    made = kinds.load(kind).Options(**options)
    return ServiceSpec(name, kind, machine or name, {}, made, {}, "labctl")


def machine(service: ServiceSpec, options: OnPremiseKeys) -> str:
    """The one that the lab names, else one of its own."""
    return service.machine


def segment(service: Service) -> str:
    """The segment where a service belongs."""
    return _PLACES.get(service.name) or _TIERS[kinds.tier(service.kind)]


def problems(services: Mapping[str, Service], options: OnPremiseKeys) -> Iterable[Complaint]:
    """Ports that no service listens on, and machines that would stand in two places."""
    known = sorted({p for s in services.values() if _servable(s) for p in _ports(s)})
    for number, port in enumerate(options.forward):
        if target(port, services) is None:
            yield Complaint(
                ("platforms", "on-premise", "forward", number),
                f"no service listens on port {port}",
                f"the lab's services listen on {', '.join(map(str, known))}",
            )
    for group in machines.grouped(services.values()).values():
        places = {GATEWAY if s.name == GATEWAY else segment(s) for s in group}
        if len(places) == 1 or places == {DMZ, LAN}:
            continue
        here = ", ".join(service.name for service in group)
        message = f"{here} cannot share a machine: they stand in different networks"
        for service in group:
            path = ("services", service.name, "machine")
            yield Complaint(path, message, "give each a machine of its own")


def target(port: int, services: Mapping[str, Service]) -> Service | None:
    """The service that a forwarded port leads to: one of the DMZ rather than of the LAN."""
    found = [s for s in services.values() if _servable(s) and port in _ports(s)]
    return min(found, key=lambda s: segment(s) != DMZ, default=None)


def _servable(service: Service) -> bool:
    return segment(service) != INTERNET


def _ports(service: Service) -> Iterable[int]:
    return service.expansion.ports.values()


def place(expanded: Expanded, subnets: Mapping[str, str], publishing: Publishing) -> Lab:
    """Services in the DMZ or in the LAN, the gateway between them and the Internet."""
    expanded = _with_forwards(expanded)
    groups = machines.grouped(expanded.services.values())
    places = {name: _segment_of(services) for name, services in groups.items()}
    addresses = {
        one: machines.assign([n for n, where in places.items() if where == one], subnets[one])
        for one in SEGMENTS
    }
    placed = {
        name: machines.machine(
            name,
            services,
            {places[name]: addresses[places[name]][name]},
            expanded.domain,
            machines.published(services, expanded, publishing) if places[name] == INTERNET else (),
            resolver=INSIDE_DNS if places[name] == LAN else machines.the(expanded, "resolver"),
            public="" if places[name] == INTERNET else addresses[INTERNET][GATEWAY],
        )
        for name, services in groups.items()
    }
    placed[GATEWAY] = _gateway(placed[GATEWAY], expanded, subnets, publishing)
    lab = machines.lab(expanded, placed, tuple(_networks(subnets)), publishing)
    return replace(lab, checks=tuple(perimeter.checks(lab)))


def asked(check: Check, lab: Lab) -> Check:
    """A visitor's check, from the workstation where visitors cannot ask it."""
    return perimeter.asked(check, lab)


def _segment_of(services: Iterable[Service]) -> str:
    """Where a machine stands: in the DMZ as soon as strangers talk to one of its services."""
    wanted = {segment(service) for service in services if service.name != GATEWAY}
    return next((one for one in (DMZ, LAN) if one in wanted), INTERNET)


def _networks(subnets: Mapping[str, str]) -> Iterable[Network]:
    yield Network(INTERNET, subnets[INTERNET])
    for name in (DMZ, LAN):
        yield Network(name, subnets[name], _last(subnets[name], 1), reachable=False, private=True)


def _last(subnet: str, number: int) -> str:
    """Counted from its end, an address of a subnet that a machine may have; 1 is the last."""
    return str(ipaddress.IPv4Network(subnet)[-1 - number])


def _gateway(
    machine: Machine, expanded: Expanded, subnets: Mapping[str, str], publishing: Publishing
) -> Machine:
    """The gateway on all segments; on inner ones it takes their gateway's address by itself."""
    public = machine.address
    inner = {name: _last(subnets[name], 2) for name in (DMZ, LAN)}
    return replace(
        machine,
        addresses={INTERNET: public, **inner},
        ports=tuple(_published(expanded, publishing)),
        public=public,
    )


def _with_forwards(expanded: Expanded) -> Expanded:
    """The lab with a gateway that knows what it forwards: the listed ports, and exposed ones."""
    options: OnPremiseKeys = expanded.options
    listed = [(port, target(port, expanded.services)) for port in dict.fromkeys(options.forward)]
    forwards = [Forward(port, service.name, port) for port, service in listed if service]
    entries = _entries(expanded)
    known = {forward.port for forward in forwards}
    forwards += [Forward(p, e.service, e.port) for e, p in entries.items() if p not in known]
    made = gateways.Options(tuple(forwards), options.outgoing)
    gateway = replace(expanded.services[GATEWAY], options=made)
    return replace(expanded, services={**expanded.services, GATEWAY: gateway})


def _entries(expanded: Expanded) -> Mapping[ExposedPort, int]:
    """The port of the gateway at which each exposed port of a service is reached."""
    listed = expanded.options.forward
    entries: dict[ExposedPort, int] = {}
    for exposed in expanded.expose:
        if not _servable(expanded.services[exposed.service]):
            continue
        service = target(exposed.port, expanded.services) if exposed.port in listed else None
        same = service is not None and service.name == exposed.service
        taken = {*listed, *entries.values()}
        free = (p for p in (exposed.host, *range(20_000, 65_536)) if p not in taken)
        entries[exposed] = exposed.port if same else next(free)
    return entries


def _published(expanded: Expanded, publishing: Publishing) -> Iterable[Port]:
    """The host's ports that lead to the gateway."""
    web = (
        Port(publishing.http, 80),
        Port(publishing.https, 443),
        Port(publishing.https, 443, "udp"),
    )
    yield from (port for port in web if port.container in expanded.options.forward)
    for exposed, entry in _entries(expanded).items():
        yield Port(exposed.host, entry)
        if exposed.port == 53:
            yield Port(exposed.host, entry, "udp")
