"""The zones of a lab: which there are, what stands in each, and the keys that sign them.

Every record is derived: from sites, machines, and what the services say of themselves.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labctl.dns import dnssec, rdata
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


def names(lab: Lab) -> tuple[str, ...]:
    """The lab's zones without the final dot: its domain, then its reverse zones."""
    return (lab.domain, *reverse_names(lab))


def reverse_names(lab: Lab) -> tuple[str, ...]:
    """The reverse zones (RFC 1035 section 3.5) that hold an address of a machine."""
    return tuple(dict.fromkeys(zone for _, _, zone in _addresses(lab)))


def reverse_zone(address: str, subnet: str) -> str:
    """The reverse zone of an address in a subnet.

    Zones are cut at octets: a /16 is one zone, a /20 is served as those /24s that are in use,
    and of a /26 the lab serves the whole /24 (nobody delegates parts of it, RFC 2317).
    """
    octets = min(3, -(-ipaddress.IPv4Network(subnet).prefixlen // 8))
    return ".".join([*reversed(address.split(".")[:octets]), "in-addr.arpa"])


def keys(lab: Lab, kept: Kept) -> tuple[dnssec.ZoneKey, ...]:
    """The key of each zone, in the order of ``names``. Reverse zones share one key pair."""
    return tuple(
        dnssec.ZoneKey(zone, kept.keys[forward_key(zone) if zone == lab.domain else REVERSE_KEY])
        for zone in names(lab)
    )


def trust_anchors(lab: Lab, kept: Kept) -> str:
    """The lab's keys as BIND's ``trust-anchors``: what ``delv -a`` reads."""
    lines = [f"    {key.bind_anchor}\n" for key in keys(lab, kept)]
    return "trust-anchors {\n" + "".join(lines) + "};\n"


def contents(zone: str, lab: Lab, kept: Kept, ttl: int) -> tuple[Group, ...]:
    """What stands in a zone beside its SOA; ``ttl`` in seconds is for what is derived here.

    No record comes twice, and all records of one name and type have one TTL (RFC 2181
    section 5.2): the smallest.
    """
    groups = _forward(lab, kept, ttl) if zone == lab.domain else _reverse(zone, lab, ttl)
    return _tidy([(title, list(rows)) for title, rows in groups])


def soa_query(name: str) -> bytes:
    """A question for a zone's SOA with signatures, as one datagram (RFC 1035, RFC 6891).

    Its id is ``LB``. An authoritative server that has signed the zone answers two records.
    """
    question = dnssec.wire_name(name) + b"\0\x06\0\x01"
    do = b"\0\0\x29\x04\xd0\0\0\x80\0\0\0"
    return b"LB\0\0\0\x01\0\0\0\0\0\x01" + question + do


def _forward(lab: Lab, kept: Kept, ttl: int) -> Iterator[tuple[str, Iterable[Row]]]:
    derived = tuple(_derived(lab, ttl))
    yield from derived
    rows = [_row(record, lab, kept) for record in lab.records]
    yield "what services say of themselves", rows
    taken = {row.name for _, group in derived for row in group} | {row.name for row in rows}
    yield (
        "machines that go by a name of their own",
        [
            Row(name, ttl, "A", address)
            for machine in lab.machines.values()
            if machine.host_name.endswith(f".{lab.domain}")
            and (name := rdata.relative(machine.host_name, lab.domain)) not in taken
            for address in machine.addresses.values()
        ],
    )


def _derived(lab: Lab, ttl: int) -> Iterator[tuple[str, tuple[Row, ...]]]:
    server = lab.address_of(lab.of_kind("dns")[0].name)
    yield (
        "this name server",
        (Row("@", ttl, "NS", NAME_SERVER), Row(NAME_SERVER, ttl, "A", server)),
    )
    yield "sites: all at the front", tuple(_site_rows(lab, ttl))
    yield (
        "machines",
        tuple(
            Row(f"{machine.name}.{HOSTS}", ttl, "A", address)
            for machine in lab.machines.values()
            for address in machine.addresses.values()
        ),
    )


def _site_rows(lab: Lab, ttl: int) -> Iterator[Row]:
    for front in lab.of_kind("front")[:1]:
        address = lab.address_of(front.name)
        for name in (name for site in lab.sites for name in site.names):
            if name == lab.domain or name.endswith(f".{lab.domain}"):
                yield Row(rdata.relative(name, lab.domain), ttl, "A", address)


def _reverse(zone: str, lab: Lab, ttl: int) -> Iterator[tuple[str, Iterable[Row]]]:
    yield "the lab's name server", [Row("@", ttl, "NS", f"{NAME_SERVER}.{lab.domain}.")]
    yield (
        "machines",
        [
            Row(_reverse_label(address, zone), ttl, "PTR", f"{machine.host_name}.")
            for machine, address, its_zone in _addresses(lab)
            if its_zone == zone
        ],
    )


def _reverse_label(address: str, zone: str) -> str:
    return rdata.relative(ipaddress.IPv4Address(address).reverse_pointer, zone)


def _addresses(lab: Lab) -> Iterator[tuple[Machine, str, str]]:
    subnets = {network.name: network.subnet for network in lab.networks}
    for machine in lab.machines.values():
        for network, address in machine.addresses.items():
            yield machine, address, reverse_zone(address, subnets[network])


def _text(value: str | AddressOf | PublicKey, lab: Lab, kept: Kept) -> str:
    if isinstance(value, AddressOf):
        return lab.address_of(value.service)
    if isinstance(value, PublicKey):
        return value.text.format(kept.keys[value.key].public)
    return value


def _row(record: Record, lab: Lab, kept: Kept) -> Row:
    text = _text(record.value, lab, kept)
    data = rdata.presentation(record.type, text, lab.domain)
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
