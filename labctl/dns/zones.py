"""The zones of a lab: which there are, what stands in each, and the keys that sign them.

Every record is derived: from sites, machines, and what the services say of themselves. A lab
with an inside shows itself in two views: to its own people, and to everybody else.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labctl.dns import dnssec, rdata, views
from labctl.dns.views import View
from labctl.model import HOSTS, AddressOf, Kept, Lab, Machine, PublicKey, Record

NAME_SERVER = "ns"  # relative to the domain
ADDRESSES = frozenset({"A", "AAAA"})
REVERSE_KEY = "zone/reverse"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a zone file."""

    name: str
    ttl: int
    type: str
    data: str


@dataclass(frozen=True, slots=True)
class Group:
    """Lines of a zone file that belong together, and what they are."""

    title: str
    rows: tuple[Row, ...]


def forward_key(domain: str) -> str:
    """The name of the domain's key among the kept things."""
    return f"zone/{domain}"


def names(view: View) -> tuple[str, ...]:
    """A view's zones without the final dot: of its domains, then the reverse ones."""
    return (*view.lab.domains, *reverse_names(view))


def reverse_names(view: View) -> tuple[str, ...]:
    """The reverse zones (RFC 1035 section 3.5) that hold an address of a machine."""
    return tuple(dict.fromkeys(zone for _, _, zone in _addresses(view)))


def reverse_zone(address: str, subnet: str) -> str:
    """The reverse zone of an address in a subnet.

    Zones are cut at octets: a /16 is one zone, a /20 is served as those /24s that are in use,
    and of a /26 the lab serves the whole /24 (nobody delegates parts of it, RFC 2317).
    """
    octets = min(3, -(-ipaddress.IPv4Network(subnet).prefixlen // 8))
    return ".".join([*reversed(address.split(".")[:octets]), "in-addr.arpa"])


def keys(view: View, kept: Kept) -> tuple[dnssec.ZoneKey, ...]:
    """The key of each zone, in the order of ``names``; the same in all views.

    Reverse zones share one key pair.
    """
    forward = view.lab.domains
    return tuple(
        dnssec.ZoneKey(zone, kept.keys[forward_key(zone) if zone in forward else REVERSE_KEY])
        for zone in names(view)
    )


def trust_anchors(view: View, kept: Kept) -> str:
    """The lab's keys as BIND's ``trust-anchors``: what ``delv -a`` reads."""
    lines = [f"    {key.bind_anchor}\n" for key in keys(view, kept)]
    return "trust-anchors {\n" + "".join(lines) + "};\n"


def contents(zone: str, view: View, kept: Kept, ttl: int) -> tuple[Group, ...]:
    """What stands in a zone beside its SOA; ``ttl`` in seconds is for what is derived here.

    No record comes twice, and all records of one name and type have one TTL (RFC 2181
    section 5.2): the smallest.
    """
    if zone == view.lab.domain:
        groups = _told(view, kept, ttl)
    elif zone in view.lab.domains:
        groups = list(_of_party(zone, view, ttl))
    else:
        groups = list(_reverse(zone, view, ttl))
    return _tidy([(title, list(rows)) for title, rows in groups])


def soa_query(name: str) -> bytes:
    """A question for a zone's SOA with signatures, as one datagram (RFC 1035, RFC 6891).

    Its id is ``LB``. An authoritative server that has signed the zone answers two records.
    """
    question = dnssec.wire_name(name) + b"\0\x06\0\x01"
    do = b"\0\0\x29\x04\xd0\0\0\x80\0\0\0"
    return b"LB\0\0\0\x01\0\0\0\0\0\x01" + question + do


def _told(view: View, kept: Kept, ttl: int) -> list[tuple[str, list[Row]]]:
    """The domain's zone as a view is told it.

    Strangers are told of no private address, of no host that has no other, and of nothing that
    points to such a host.
    """
    groups = [(title, list(rows)) for title, rows in _forward(view, kept, ttl)]
    if not view.outside:
        return groups
    domain = view.lab.domain
    hosts = _hosts(_forward(views.of(view.lab)[0], kept, ttl))
    groups = [(t, [r for r in rows if r.type != "A" or view.tells(r.data)]) for t, rows in groups]
    named = {name for _, rows in groups for row in rows for name in _names(row, domain)}
    while hidden := named & (hosts - _hosts(groups)):  # without its target an alias goes as well
        groups = [(t, [r for r in rows if not _names(r, domain) & hidden]) for t, rows in groups]
        named -= hidden
    return groups


def _hosts(groups: Iterable[tuple[str, Iterable[Row]]]) -> set[str]:
    """The names that have an address, or are an alias."""
    types = ADDRESSES | {"CNAME"}
    return {row.name for _, rows in groups for row in rows if row.type in types}


def _names(row: Row, domain: str) -> set[str]:
    """The names of hosts in a record, relative to the domain: its own, and where it points to.

    The domain itself is no secret.
    """
    target = rdata.target(row.type, row.data)
    found = {row.name, rdata.relative(rdata.absolute(target, domain), domain) if target else "@"}
    return found - {"@"}


def _forward(view: View, kept: Kept, ttl: int) -> Iterator[tuple[str, Iterable[Row]]]:
    domain = view.lab.domain
    derived = tuple(_derived(view, ttl))
    yield from derived
    rows = [_row(record, view, kept) for record in view.lab.records]
    yield "what services say of themselves", rows
    taken = {row.name for _, group in derived for row in group} | {row.name for row in rows}
    yield (
        "machines that go by a name of their own",
        [
            Row(name, ttl, "A", address)
            for machine, address, _ in view.addresses()
            if machine.host_name.endswith(f".{domain}")
            and (name := rdata.relative(machine.host_name, domain)) not in taken
        ],
    )


def _derived(view: View, ttl: int) -> Iterator[tuple[str, tuple[Row, ...]]]:
    server = view.address_of(view.lab.of_kind("dns")[0].name)
    yield (
        "this name server",
        (Row("@", ttl, "NS", NAME_SERVER), Row(NAME_SERVER, ttl, "A", server)),
    )
    fronts = {site.front for site in view.sites}
    where = "all at the front" if len(fronts) < 2 else "each at its front"
    yield f"sites: {where}", tuple(_site_rows(view.lab.domain, view, ttl))
    yield (
        "machines",
        tuple(
            Row(f"{machine.name}.{HOSTS}", ttl, "A", address)
            for machine, address, _ in view.addresses()
        ),
    )


def _site_rows(domain: str, view: View, ttl: int) -> Iterator[Row]:
    """The addresses of all sites that have a name in a domain."""
    for site in view.sites if view.lab.of_kind("front") else ():
        address = view.lab.own_address_of(site) or view.address_of(site.front)
        for name in site.names:
            if name == domain or name.endswith(f".{domain}"):
                yield Row(rdata.relative(name, domain), ttl, "A", address)


def _of_party(zone: str, view: View, ttl: int) -> Iterator[tuple[str, list[Row]]]:
    """The zone of another party, who has sites in this lab and nothing else."""
    yield _name_server(view, ttl)
    yield "sites: at the lab's front, as all others", list(_site_rows(zone, view, ttl))


def _name_server(view: View, ttl: int) -> tuple[str, list[Row]]:
    return "the lab's name server", [Row("@", ttl, "NS", f"{NAME_SERVER}.{view.lab.domain}.")]


def _reverse(zone: str, view: View, ttl: int) -> Iterator[tuple[str, list[Row]]]:
    yield _name_server(view, ttl)
    yield (
        "machines",
        [
            Row(_reverse_label(address, zone), ttl, "PTR", f"{_name(address, machine, view.lab)}.")
            for machine, address, its_zone in _addresses(view)
            if its_zone == zone
        ],
    )


def _name(address: str, machine: Machine, lab: Lab) -> str:
    """The name of a machine's address: of a service that the Internet reaches there, if any.

    Mail servers look whether a sender's address has a name, and the name that address.
    """
    services = (s for s in lab.services.values() if s.expansion.host_name)
    named = (s.expansion.host_name for s in services if lab.public_address_of(s.name) == address)
    return next(named, machine.host_name)


def _reverse_label(address: str, zone: str) -> str:
    return rdata.relative(ipaddress.IPv4Address(address).reverse_pointer, zone)


def _addresses(view: View) -> Iterator[tuple[Machine, str, str]]:
    for machine, address, network in view.addresses():
        yield machine, address, reverse_zone(address, network.subnet)


def _text(value: str | AddressOf | PublicKey, view: View, kept: Kept) -> str:
    if isinstance(value, AddressOf):
        return view.address_of(value.service)
    if isinstance(value, PublicKey):
        return value.text.format(kept.keys[value.key].public)
    return value


def _row(record: Record, view: View, kept: Kept) -> Row:
    text = _text(record.value, view, kept)
    data = rdata.presentation(record.type, text, view.lab.domain)
    return Row(record.name.lower(), record.ttl, record.type, data)


def _tidy(groups: list[tuple[str, list[Row]]]) -> tuple[Group, ...]:
    ttls: dict[tuple[str, str], int] = {}
    for row in (row for _, rows in groups for row in rows):
        ttls[row.name, row.type] = min(row.ttl, ttls.get((row.name, row.type), row.ttl))
    seen: set[Row] = set()
    tidy = []
    for title, rows in groups:
        same = (Row(r.name, ttls[r.name, r.type], r.type, r.data) for r in rows)
        fresh = tuple(row for row in dict.fromkeys(same) if row not in seen)
        seen.update(fresh)
        tidy.append(Group(title, fresh))
    return tuple(group for group in tidy if group.rows)
