"""What must hold at a company's perimeter, and from where each check of a lab is asked there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from labctl import ssh
from labctl.checks import ports
from labctl.kinds import gateway
from labctl.kinds.gateway import DMZ, INTERNET, LAN
from labctl.model import Check, Lab, Machine, Service

WORKSTATION, PROXY = "workstation", "proxy"
# beside those that the lab's own servers have: remote administration, data bases
TEMPTING = frozenset({22, 23, 111, 445, 3306, 5432, 8080})
_HINT = "/etc/nftables.conf on the gateway; what it counts: `nft list table ip gateway`"
Targets = Mapping[str, tuple[str, int]]


def checks(lab: Lab) -> Iterator[Check]:
    """The checks of the lab's services, each from where it can be asked, and the platform's own."""
    for check in lab.checks:
        yield asked(check, lab)
    yield from _open_ports(lab)
    yield from _no_way_in(lab)
    yield from _way_out(lab)
    yield from _two_answers(lab)
    yield from _intranet(lab)


def asked(check: Check, lab: Lab) -> Check:
    """A visitor's check; from inside where it is about what is only there."""
    open_ports = {forward.port for forward in _options(lab).forward}
    hidden = _about_inside(check, lab, _inside_services(lab))
    moved = hidden or not ports.of(check) <= open_ports
    return _moved(check, lab) if moved and check.origin == "client" else check


def _moved(check: Check, lab: Lab) -> Check:
    """The check, asked from inside. Mail from outside still comes in where strangers bring it."""
    ask = dict(check.ask)
    entry = next((f.service for f in _options(lab).forward if f.port == 25), "")
    if check.client == "smtp" and "port" not in ask and entry:
        ask["connect"] = lab.address_of(entry)
    return replace(check, origin=WORKSTATION, ask=ask)


def _inside_services(lab: Lab) -> frozenset[str]:
    """The services that only the company's own people use."""
    outer = {site.service for site in lab.sites if not site.inside}
    hidden = {site.service for site in lab.sites if site.inside} - outer
    hidden |= {site.front for site in lab.sites if site.inside}
    resolvers = {one.resolver for one in lab.machines.values() if gateway.stands_in(one, LAN)}
    return frozenset(hidden | resolvers)


def _about_inside(check: Check, lab: Lab, inside: frozenset[str]) -> bool:
    hosts = {name for site in lab.sites if site.inside for name in site.names}
    return check.service in inside or ports.host(check) in hosts


def _options(lab: Lab) -> gateway.Options:
    options: gateway.Options = _gateway(lab).options
    return options


def _gateway(lab: Lab) -> Service:
    return lab.of_kind("gateway")[0]


def _check(
    lab: Lab, origin: str, name: str, targets: Targets, expect: Mapping[str, Any], hint: str = _HINT
) -> Check:
    ask = {"targets": {label: list(target) for label, target in targets.items()}}
    return Check(name, _gateway(lab).name, "reach", ask, expect, hint, origin=origin)


def _listening(lab: Lab, network: str) -> dict[str, tuple[str, int]]:
    """Every port that somebody listens on in a network."""
    return {
        f"{machine.name}:{port}": (machine.address, port)
        for machine in lab.machines.values()
        if gateway.stands_in(machine, network)
        for port in sorted(_ports(machine, lab))
    }


def _ports(machine: Machine, lab: Lab) -> Iterator[int]:
    for name in machine.services:
        yield from lab.services[name].expansion.ports.values()
    if ssh.is_server(machine):
        yield ssh.PORT


def _open_ports(lab: Lab) -> Iterable[Check]:
    forwarded = {forward.port for forward in _options(lab).forward}
    known = {port for _, port in (*_listening(lab, DMZ).values(), *_listening(lab, LAN).values())}
    public = lab.address_of(_gateway(lab).name)
    targets = {f"{port}": (public, port) for port in sorted(forwarded | known | TEMPTING)}
    expected = [name for name, (_, port) in targets.items() if port in forwarded]
    name = "of the public address, only the forwarded ports answer"
    yield _check(lab, "client", name, targets, {"connected": expected})


def _no_way_in(lab: Lab) -> Iterable[Check]:
    """Neither from the Internet nor from the DMZ may anybody open what is not foreseen."""
    inner = _listening(lab, LAN)
    nothing: dict[str, Any] = {"connected": []}
    private = {**_listening(lab, DMZ), **inner}
    yield _check(lab, "client", "no private address answers the Internet", private, nothing)
    for machine in lab.machines.values():
        if gateway.stands_in(machine, DMZ):
            holes = _holes(machine, lab)
            closed = {name: target for name, target in inner.items() if target not in holes}
            what = "connection to the LAN" + (" but what it needs" if holes else "")
            name = f"{machine.name} in the DMZ can open no {what}"
            yield _check(lab, machine.services[0], name, closed, nothing)


def _holes(machine: Machine, lab: Lab) -> set[tuple[str, int]]:
    found = gateway.pinholes(lab, LAN)
    return {(hole.target, hole.port) for hole in found if hole.source == machine.address}


def _way_out(lab: Lab) -> Iterable[Check]:
    """A server on the Internet that knows no way to the LAN answers it only if translated."""
    targets = _listening(lab, INTERNET)
    if _options(lab).outgoing == "translated":
        name, connected = "the LAN reaches the Internet, translated", list(targets)
    else:
        name, connected = "the LAN reaches the Internet by no way but the proxy", []
    yield _check(lab, WORKSTATION, name, targets, {"connected": connected})
    if _options(lab).outgoing == "proxy":
        yield from _by_proxy(lab)


def _by_proxy(lab: Lab) -> Iterable[Check]:
    """Out there is no web server; that a machine says so proves that the proxy has reached it."""
    proxy = lab.of_kind("proxy")[0]
    stranger = lab.address_of(lab.of_kind("client")[0].name)
    port = next(iter(proxy.expansion.ports.values()))
    yield Check(
        "the proxy reaches the Internet for the LAN",
        proxy.name,
        "http",
        {"url": f"http://{stranger}/", "proxy": f"http://{lab.address_of(proxy.name)}:{port}"},
        {"status": 503, "header": {"matches": "ERR_CONNECT_FAIL 111"}},
        "111 is `connection refused`, said by the machine outside; see the proxy's log",
        origin=WORKSTATION,
    )


def _two_answers(lab: Lab) -> Iterable[Check]:
    """The same name leads strangers to the public address, and the company's own people home."""
    for site in [one for one in lab.sites if not one.inside][:1]:
        for origin, where, address in (
            ("client", "outside", lab.public_address_of(site.front)),
            (WORKSTATION, "inside", lab.address_of(site.front)),
        ):
            yield Check(
                f"{where}, {site.host} is {address}",
                lab.of_kind("dns")[0].name,
                "dns",
                {"name": site.host, "type": "A"},
                {"status": "NOERROR", "answers": [address]},
                "views in /etc/bind/named.conf: who asks decides which zone file answers",
                origin=origin,
            )


def _intranet(lab: Lab) -> Iterable[Check]:
    """A site of the inside does not exist outside: not by name, and not behind the front either."""
    outer = next((one for one in lab.sites if not one.inside), None)
    for site in (one for one in lab.sites if one.inside):
        yield Check(
            f"{site.host} does not exist outside",
            lab.of_kind("dns")[0].name,
            "dns",
            {"name": site.host, "type": "A"},
            {"status": "NXDOMAIN", "count": 0},
            "only the inside view of the zone has the names of inside sites",
        )
        if outer:
            yield Check(
                f"whoever guesses the name {site.host} gets no page outside",
                outer.front,
                "http",
                {"url": f"http://{site.host}/", "connect": outer.host},
                {"status": 421},
                "its virtual host is on the intranet's own front, in the LAN",
            )
            if site.tls != "none":
                yield Check(
                    f"whoever guesses the name {site.host} gets no TLS handshake outside",
                    outer.front,
                    "http",
                    {"url": f"https://{site.host}/", "connect": outer.host},
                    {"error": {"matches": "(?i)unrecognized name|handshake"}},
                    "its virtual host is on the intranet's own front, in the LAN",
                )
