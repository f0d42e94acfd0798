"""A company's gateway: routes between its networks, filters and translates (nftables).

Its rules are one table of nft(8) in ``/etc/nftables.conf``. They name addresses, never
interfaces, whose order changes from start to start; that an address comes from where it belongs
is checked first (RFC 3704 section 2.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labctl.kinds import Scope
from labctl.model import (
    Daemon,
    Expansion,
    File,
    Flow,
    Kept,
    Lab,
    Limits,
    Machine,
    Outgoing,
    Probe,
    Service,
    Template,
    Tier,
)

BROUGHT = True
TIER: Tier = "public"
RULES = "/etc/nftables.conf"
START = "/usr/local/sbin/start-gateway"
STATE = "/usr/local/sbin/gateway-state"
SOCKET = "/run/gateway.sock"
INTERNET, DMZ, LAN = "internet", "dmz", "lan"
UDP = frozenset({53, 443})  # ports that are spoken to by datagrams too: DNS, HTTP/3


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of the public address, and the service and port that it is sent on to."""

    port: int
    service: str
    to: int

    @property
    def transports(self) -> tuple[str, ...]:
        """What is forwarded: TCP, and UDP where the port has both."""
        return ("tcp", "udp") if self.to in UDP else ("tcp",)


@dataclass(frozen=True, slots=True)
class Options:
    """What the platform tells its gateway."""

    forward: tuple[Forward, ...] = ()
    outgoing: Outgoing = "translated"


@dataclass(frozen=True, slots=True)
class Pinhole:
    """One kind of connection that may be opened where others may not; "" is any address."""

    source: str
    target: str
    port: int
    reason: str


def expand(service: Service, scope: Scope) -> Expansion:
    """nftables, and a daemon that loads the rules and says whether they hold."""
    return Expansion(
        packages=frozenset({"nftables", "iproute2"}),
        capabilities=frozenset({"NET_ADMIN"}),
        daemons=(_DAEMON,),
        # every refusal is told, not only a few a second
        sysctls={"net.ipv4.ip_forward": "1", "net.ipv4.icmp_ratelimit": "0"},
        limits=Limits(memory=64 * 2**20, processes=32),
    )


_DAEMON = Daemon(
    name="gateway",
    run=("s6-ipcserver", "-q", "-a", "0700", SOCKET, STATE),
    prepare=((START,),),
    test=("nft", "-c", "-f", RULES),
    reload=("nft", "-f", RULES),
    watches=(RULES,),
    restarts=(START,),
    ready=Probe(SOCKET, "^filtering"),
)


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The rules, what loads them, and what says that they are loaded."""
    machine = lab.machine_of(service.name)
    options: Options = service.options
    networks = {network.name: network for network in lab.networks}
    context = {
        "lab": lab,
        "subnets": {name: network.subnet for name, network in networks.items()},
        "public": machine.addresses[INTERNET],
        "forwards": [(f, lab.address_of(f.service)) for f in options.forward],
        "inward": pinholes(lab, LAN),
        "outward": pinholes(lab, ""),
        "resolvers": _outer_resolvers(lab),
        "outgoing": options.outgoing,
        "inner": [(machine.addresses[name], networks[name].gateway) for name in (DMZ, LAN)],
    }
    yield File(RULES, Template("gateway/nftables.conf.j2", context), source=service.source)
    yield File(START, Template("gateway/start.j2", context), 0o755)
    yield File(STATE, Template("gateway/state.j2", context), 0o755)


def pinholes(lab: Lab, target: str) -> tuple[Pinhole, ...]:
    """The connections that services in the DMZ open to the LAN, or ("") to the Internet."""
    found = (
        Pinhole(lab.address_of(source.name), _address(flow.to, lab), flow.port, flow.reason)
        for source in lab.services.values()
        if stands_in(lab.machine_of(source.name), DMZ)
        for flow in _flows(source, lab)
        if (not flow.to if not target else flow.to and stands_in(lab.machine_of(flow.to), target))
    )
    return tuple({(p.source, p.target, p.port): p for p in found}.values())


def stands_in(machine: Machine, network: str) -> bool:
    """Whether a machine is on this network alone."""
    return set(machine.addresses) == {network}


def _address(service: str, lab: Lab) -> str:
    return lab.address_of(service) if service else ""


def _flows(service: Service, lab: Lab) -> Iterator[Flow]:
    yield from service.expansion.flows
    for site in lab.sites:
        route = lab.services[site.service].expansion.route
        if site.front == service.name and route:
            reason = f"{service.name} hands requests on to {site.service}"
            yield Flow(site.service, route.port, reason)


def _outer_resolvers(lab: Lab) -> list[str]:
    """The resolvers on the Internet that machines of the DMZ ask."""
    asked = {m.resolver for m in lab.machines.values() if stands_in(m, DMZ)}
    return sorted(lab.address_of(r) for r in asked if stands_in(lab.machine_of(r), INTERNET))
