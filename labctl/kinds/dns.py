"""The lab's own name server: BIND, authoritative for the domain and its reverse zones.

The zones are signed (DNSSEC, RFC 4033) by BIND itself, in line: the zone file is the plain one
that an administrator writes, the signed one stands beside it. Each zone has one key, an input
like any other, so that it outlives the machine and everybody's trust anchor stays right. Where
the lab has an inside, BIND answers in two views (``labctl.dns.views``), signed with the same key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated

from labctl.dns import rdata, views, zones
from labctl.dns.views import View
from labctl.kinds import Complaint, Scope
from labctl.model import (
    HOSTS,
    Check,
    Daemon,
    Expansion,
    File,
    Kept,
    Lab,
    Limits,
    Probe,
    Record,
    Service,
    Template,
    Tier,
    Want,
    party_domain,
)
from labctl.spec.fields import Doc, Integer, Many, RecordType, Table, Text, Type, Wrong

IMPLIED = True
TIER: Tier = "public"
PORT = 53
ZONES = "/etc/bind/zones"
KEYS = "/etc/bind/keys"
PREPARE = "/usr/local/sbin/prepare-zones"
CHECK = "/usr/local/sbin/check-zones"

Own = Mapping[str, Mapping[str, tuple[str, ...]]]


@dataclass(frozen=True)
class Owner(Type):
    """The name of a DNS record, relative to the lab's domain; ``@`` is the domain itself."""

    def read(self, text: str) -> str:
        problem = rdata.owner_problem(text)
        if problem:
            raise Wrong("this is not the name of a record", problem)
        return text.lower()

    def words(self) -> str:
        return "name of a record relative to the domain, or `@`"


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the name server."""

    records: Annotated[
        Own,
        Table(Owner(), Table(RecordType(), Many(Text(4000)))),
        Doc("records of your own: name, type, values; names are relative to the domain "
            "unless they end with a dot"),
    ] = field(default_factory=dict)  # fmt: skip
    ttl: Annotated[
        int, Integer(0, 86400), Doc("how long others may keep addresses and own records, seconds")
    ] = 300


def expand(service: Service, scope: Scope) -> Expansion:
    """BIND with the lab's zones, and the records that the lab file adds."""
    return Expansion(
        packages=frozenset({"bind9"}),
        capabilities=frozenset({"SETUID", "SETGID", "KILL", "CHOWN"}),
        daemons=(_daemon(scope.domain),),
        ports={"dns": PORT},
        records=tuple(_own_records(service.options)),
        checks=tuple(_checks(service, scope)),
        wants=tuple(Want("ec-key", key) for key in _keys(scope)),
        limits=Limits(memory=96 * 2**20, processes=32),
    )


def _keys(scope: Scope) -> Iterator[str]:
    """A key for each domain, and one for the reverse zones."""
    parties = dict.fromkeys(site.party for site in scope.all_sites if site.party)
    for party in ("", *parties):
        yield zones.forward_key(party_domain(scope.domain, party))
    yield zones.REVERSE_KEY


def _daemon(domain: str) -> Daemon:
    return Daemon(
        name="named",
        run=("named", "-g", "-n", "1"),
        user="bind",
        prepare=((PREPARE,),),
        test=(CHECK,),
        reload=("rndc", "reload"),
        watches=("/etc/bind/",),
        restarts=(f"{KEYS}/", "/etc/bind/named.conf"),
        # one thread answers: an arena for each processor (jemalloc(3)) would only take memory
        environment={"MALLOC_CONF": "narenas:1"},
        ready=Probe(PORT, r"^LB\x84\x00\x00\x01\x00\x02", zones.soa_query(domain), "udp"),
    )


def _own_records(options: Options) -> Iterator[Record]:
    for name, type_, _, value in _values(options.records):
        yield Record(name, type_, value, options.ttl)


def _values(records: Own) -> Iterator[tuple[str, str, int, str]]:
    for name, by_type in records.items():
        for type_, values in by_type.items():
            for number, value in enumerate(values):
                yield name, type_, number, value


def _checks(service: Service, scope: Scope) -> Iterator[Check]:
    server = f"{zones.NAME_SERVER}.{scope.domain}"

    def check(name: str, ask: dict[str, object], expect: dict[str, object], hint: str) -> Check:
        return Check(f"{service.name}: {name}", service.name, "dns", ask, expect, hint)

    yield check(
        "the zone has one key",
        {"name": scope.domain, "type": "DNSKEY", "server": server, "recurse": False},
        {"status": "NOERROR", "aa": True, "count": 1},
        "one combined signing key per zone; `rndc dnssec -status` on the machine shows its state",
    )
    yield check(
        "a zone transfer is refused",
        {"name": scope.domain, "type": "AXFR", "server": server},
        {"transferred": False},
        "`allow-transfer` in named.conf: only secondaries may copy a zone",
    )
    yield check(
        "a question about another domain is refused",
        {"name": "www.example.com", "type": "A", "server": server},
        {"status": "REFUSED", "ra": False},
        "`recursion no` in named.conf: an open resolver would be used against others",
    )


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """What is wrong with the lab's own records, as far as their values show."""
    for name, type_, number, value in _values(options.records):
        reason = _owner_reason(name, type_, scope.domain)
        if reason and not number:
            yield Complaint(("records", name, type_), reason)
        try:
            rdata.presentation(type_, value, scope.domain)
        except ValueError as error:
            yield Complaint(("records", name, type_, number), str(error))
    for name, by_type in options.records.items():
        if "CNAME" in by_type and (len(by_type) > 1 or len(by_type["CNAME"]) > 1):
            reason = "an alias has no other records (RFC 1034 section 3.6.2)"
            yield Complaint(("records", name, "CNAME"), reason)
    hosts = {zones.NAME_SERVER, *_site_names(scope)}
    yield from _clashes(options.records, hosts, hosts)


def joint_problems(
    service: Service, services: Mapping[str, Service], scope: Scope
) -> Iterable[Complaint]:
    """What only all services together show: records that contradict theirs, or point to nothing.

    BIND refuses such a zone (RFC 1034 section 3.6.2, ``check-integrity``); here the reason
    comes with its place in the lab file, before anything is started.
    """
    options: Options = service.options
    others = [r for s in services.values() if s.name != service.name for r in s.expansion.records]
    hosts = {f"{s.machine}.{HOSTS}" for s in services.values()}
    hosts |= {record.name for record in others if record.type in zones.ADDRESSES}
    yield from _clashes(options.records, hosts, hosts | {record.name for record in others})
    hosts |= {zones.NAME_SERVER, *_site_names(scope)}
    yield from _dangling(options.records, hosts, scope.domain)


def _site_names(scope: Scope) -> Iterator[str]:
    """The sites' host names, relative to the domain."""
    for name in (name for site in scope.all_sites for name in site.names):
        if name == scope.domain or name.endswith(f".{scope.domain}"):
            yield rdata.relative(name, scope.domain)


def _owner_reason(name: str, type_: str, domain: str) -> str:
    if len(rdata.absolute(name, domain)) > rdata.MAX_NAME:
        return f"the whole name is longer than {rdata.MAX_NAME} characters"
    if "_" in name and type_ in rdata.HOST_OWNERS:
        return f"a host's name has no underscore, so no {type_} record stands there"
    if type_ == "NS" and name.startswith(("@", "*")):
        return "only a name below the domain can be delegated"
    if type_ == "CNAME" and name == "@":
        return "the domain itself cannot be an alias: it has SOA and NS records"
    return ""


def _clashes(own: Own, hosts: set[str], taken: set[str]) -> Iterator[Complaint]:
    """Own records that contradict or hide the lab's: its ``hosts``, all its names ``taken``."""
    for name, by_type in own.items():
        for type_ in by_type:
            path = ("records", name, type_)
            below = (n for n in taken if n == name or n.endswith(f".{name}"))
            if name in (hosts if type_ in zones.ADDRESSES else ()):
                yield Complaint(path, f"the lab itself says where '{name}' is", "take another name")
            elif type_ == "CNAME" and name in taken - {"@"}:
                yield Complaint(path, f"the lab itself says what '{name}' is", "take another name")
            elif type_ == "NS" and name != "@" and any(below):
                reason = f"delegating '{name}' would hide records of the lab"
                yield Complaint(path, reason, "take another name")


def _dangling(own: Own, hosts: set[str], domain: str) -> Iterator[Complaint]:
    """Own MX, NS and SRV records that point into the domain, to no host of it."""
    known = hosts | {name for name, by_type in own.items() if zones.ADDRESSES & set(by_type)}
    names = {rdata.absolute(name, domain) for name in known}
    cuts = tuple(f".{rdata.absolute(n, domain)}" for n, by_type in own.items() if "NS" in by_type)
    for name, type_, number, value in _values(own):
        target = rdata.target(type_, value)
        if type_ == "CNAME" or target in ("", "."):
            continue
        host = rdata.absolute(target, domain)
        elsewhere = host != domain and not host.endswith(f".{domain}")
        delegated = type_ != "NS" and f".{host}".endswith(cuts)
        if host not in names and not elsewhere and not delegated:
            yield Complaint(("records", name, type_, number), f"the lab has no host '{host}'")


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """named.conf, what prepares and checks it; a zone file and the key files a zone."""
    context = {"views": [_view(view) for view in views.of(lab)], "keys": KEYS}
    yield File(
        "/etc/bind/named.conf", Template("dns/named.conf.j2", context), source=service.source
    )
    for script in (PREPARE, CHECK):
        template = Template(f"dns/{script.rpartition('/')[2]}.j2", context)
        yield File(script, template, 0o755, source="labctl")
    for view in views.of(lab):
        for zone in zones.names(view):
            template = _zone_file(zone, service, view, kept)
            yield File(f"{_folder(view)}/db.{zone}", template, source=service.source)
    for key in zones.keys(views.of(lab)[0], kept):
        for name, text in key.files().items():
            yield File(f"{KEYS}/{name}", text.encode(), 0o640, group="bind", source="labctl")


def _folder(view: View) -> str:
    """Where the zone files of a view are."""
    return f"{ZONES}/{view.name}".rstrip("/")


def _view(view: View) -> dict[str, object]:
    """A view as the templates know it."""
    clients = [] if view.outside else [network.subnet for network in view.networks]
    return {
        "name": view.name,
        "clients": clients,
        "zones": zones.names(view),
        "folder": _folder(view),
    }


def _zone_file(zone: str, service: Service, view: View, kept: Kept) -> Template:
    options: Options = service.options
    return Template(
        "dns/zone.j2",
        {
            "zone": zone,
            "domain": view.lab.domain,
            "serial": kept.serial % 2**32,
            "ttl": options.ttl,
            "groups": zones.contents(zone, view, kept, options.ttl),
        },
    )
