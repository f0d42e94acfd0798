"""The dns and resolver kinds: zones from a model, and what own records may not say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jinja2
import pytest

from labctl.dns import views, zones
from labctl.keep import serials
from labctl.kinds import Scope, dns, resolver
from labctl.model import (
    AddressOf,
    Expansion,
    Kept,
    Key,
    Lab,
    Machine,
    Network,
    PublicKey,
    Record,
    Service,
    Site,
    Template,
)
from labctl.render import templates
from labctl.spec.fields import Wrong

DOMAIN = "lab1.test"
KEY = Key(
    "",
    public="GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA==",
    private="GU6SnQ/Ou+xC5RumuIUIuJZteXT2z0O/ok1s38Et6mQ=",
)
KEPT = Kept(
    "", keys={"zone/lab1.test": KEY, "zone/reverse": KEY, "dkim": Key("", "MIIB")}, serial=2024
)
KINDS = ("front", "dns", "resolver", "mail")
SITES = (
    Site("www", "www", ("www.lab1.test", "lab1.test", "www.lab1.localhost")),
    Site("app", "www", ("app.lab1.test", "app.lab1.localhost")),
)
SCOPE = Scope("lab1", DOMAIN, (), SITES, {kind: kind for kind in KINDS}, {})
MAIL = (
    Record("mail", "A", AddressOf("mail")),
    Record("@", "MX", "10 mail"),
    Record("mail._domainkey", "TXT", PublicKey("dkim", "v=DKIM1; p={}")),
    Record("mail.hosts", "A", AddressOf("mail"), ttl=60),
)
Own = Mapping[str, Mapping[str, tuple[str, ...]]]


def services(own: Own | None = None, ttl: int = 300) -> dict[str, Service]:
    found = {kind: Service(kind, kind, kind, None) for kind in KINDS}
    found["dns"] = replace(found["dns"], options=dns.Options(own or {}, ttl))
    found["resolver"] = replace(found["resolver"], options=resolver.Options())
    found["mail"] = replace(found["mail"], expansion=Expansion(records=MAIL))
    for kind in (dns, resolver):
        service = found[kind.__name__.rpartition(".")[2]]
        found[service.name] = replace(service, expansion=kind.expand(service, SCOPE))
    return found


def lab(own: Own | None = None, subnet: str = "198.18.7.0/24", ttl: int = 300) -> Lab:
    placed = services(own, ttl)
    base = subnet.rpartition(".")[0]
    machines = {
        name: Machine(name, (name,), frozenset(), frozenset(), {"lan": f"{base}.{number}"},
                      "mail.lab1.test" if name == "mail" else f"{name}.hosts.lab1.test")
        for number, name in enumerate(placed, 10)
    }  # fmt: skip
    records = tuple(record for s in placed.values() for record in s.expansion.records)
    return Lab("lab1", "", DOMAIN, placed, SITES, machines, (Network("lan", subnet),), records)


def rendered(kind_name: str, placed: Lab) -> dict[str, str]:
    kind = {"dns": dns, "resolver": resolver}[kind_name]
    found = kind.files(placed.services[kind_name], placed, KEPT)
    return {
        f.path: f.content.decode() if isinstance(f.content, bytes) else templates.text(f.content)
        for f in found
    }


def lines(zone_text: str) -> list[str]:
    plain = (" ".join(line.split()) for line in zone_text.splitlines())
    return [line for line in plain if line and not line.startswith(";")]


def test_forward_zone() -> None:
    text = rendered("dns", lab({"blog": {"CNAME": ("www",)}}))["/etc/bind/zones/db.lab1.test"]
    assert lines(text) == [
        "$ORIGIN lab1.test.",
        "$TTL 300",
        "@ IN SOA ns.lab1.test. hostmaster.lab1.test. ( 2024 3600 600 604800 60 )",
        "@ 300 IN NS ns",
        "ns 300 IN A 198.18.7.11",
        "www 300 IN A 198.18.7.10",
        "@ 300 IN A 198.18.7.10",
        "app 300 IN A 198.18.7.10",
        "front.hosts 300 IN A 198.18.7.10",
        "dns.hosts 300 IN A 198.18.7.11",
        "resolver.hosts 300 IN A 198.18.7.12",
        "mail.hosts 60 IN A 198.18.7.13",
        "blog 300 IN CNAME www",
        "mail 300 IN A 198.18.7.13",
        "@ 300 IN MX 10 mail",
        'mail._domainkey 300 IN TXT "v=DKIM1; p=MIIB"',
    ]


def test_reverse_zone() -> None:
    text = rendered("dns", lab())["/etc/bind/zones/db.7.18.198.in-addr.arpa"]
    assert lines(text)[3:] == [
        "@ 300 IN NS ns.lab1.test.",
        "10 300 IN PTR front.hosts.lab1.test.",
        "11 300 IN PTR dns.hosts.lab1.test.",
        "12 300 IN PTR resolver.hosts.lab1.test.",
        "13 300 IN PTR mail.lab1.test.",
    ]


def test_a_host_name_of_its_own_gets_an_address() -> None:
    placed = lab()
    machine = replace(placed.machines["front"], host_name="gate.lab1.test")
    placed = replace(placed, machines={**placed.machines, "front": machine})
    text = rendered("dns", placed)["/etc/bind/zones/db.lab1.test"]
    assert "gate 300 IN A 198.18.7.10" in lines(text)


@pytest.mark.parametrize(
    ("address", "subnet", "zone"),
    [
        ("10.1.2.3", "10.0.0.0/8", "10.in-addr.arpa"),
        ("10.1.2.3", "10.1.0.0/16", "1.10.in-addr.arpa"),
        ("10.1.2.3", "10.1.0.0/20", "2.1.10.in-addr.arpa"),
        ("10.1.2.3", "10.1.2.0/24", "2.1.10.in-addr.arpa"),
        ("10.1.2.3", "10.1.2.0/28", "2.1.10.in-addr.arpa"),
    ],
)
def test_reverse_zone_of_a_subnet(address: str, subnet: str, zone: str) -> None:
    assert zones.reverse_zone(address, subnet) == zone


def test_names_in_a_wide_reverse_zone() -> None:
    text = rendered("dns", lab(subnet="10.1.0.0/16"))["/etc/bind/zones/db.1.10.in-addr.arpa"]
    assert "11.0 300 IN PTR dns.hosts.lab1.test." in lines(text)


def test_ttl_is_one_for_all_of_a_name_and_type() -> None:
    own: Own = {"@": {"TXT": ("a", "b")}, "mail": {"TXT": ("x",)}}
    text = rendered("dns", lab(own, ttl=20))["/etc/bind/zones/db.lab1.test"]
    assert '@ 20 IN TXT "a"' in lines(text)
    assert "mail.hosts 20 IN A 198.18.7.13" in lines(text)


def test_every_zone_has_one_key_that_named_cannot_write() -> None:
    files = [f for f in dns.files(lab().services["dns"], lab(), KEPT) if "/keys/" in f.path]
    stems = {f.path.rpartition(".")[0] for f in files}
    assert [re.sub(r"\+\d{5}$", "", stem) for stem in sorted(stems)] == [
        "/etc/bind/keys/K7.18.198.in-addr.arpa.+013",
        "/etc/bind/keys/Klab1.test.+013",
    ]
    assert {(f.owner, f.group, f.mode) for f in files} == {("root", "bind", 0o640)}


def test_named_tells_nothing_and_asks_nobody() -> None:
    conf = rendered("dns", lab())["/etc/bind/named.conf"]
    for line in ("recursion no;", "allow-transfer { none; };", "version none;", "notify no;",
                 "query-source 127.0.0.1;", "dnssec-validation no;", "checkds no;"):  # fmt: skip
        assert f"{line}\n" in conf
    assert conf.count('zone "') == 2


def test_resolver_knows_the_lab_only() -> None:
    conf = rendered("resolver", lab())["/etc/unbound/unbound.conf"]
    assert '    local-zone: "." always_refuse\n' in conf
    for zone in ("lab1.test", "7.18.198.in-addr.arpa"):
        assert f'    local-zone: "{zone}." transparent\n' in conf
        assert f'    trust-anchor: "{zone}. DNSKEY 257 3 13 {KEY.public}"\n' in conf
        assert f'    name: "{zone}."\n    stub-addr: 198.18.7.11\n' in conf
    assert "    access-control: 198.18.7.0/24 allow\n" in conf
    assert '    name: "."\n    stub-addr: 198.18.7.11\n' in conf


def test_trust_anchors_for_delv() -> None:
    text = zones.trust_anchors(views.of(lab())[0], KEPT)
    assert text.startswith("trust-anchors {\n")
    assert f'    "lab1.test." static-key 257 3 13 "{KEY.public}";\n' in text


def company(own: Own | None = None) -> Lab:
    """The lab behind a gateway, with an intranet, and a second resolver in the LAN."""
    flat = lab(own)
    places = {"front": "dmz", "dns": "dmz", "mail": "lan"}
    machines = {
        name: replace(
            machine,
            addresses={places[name]: f"{DMZ if places[name] == 'dmz' else LAN}.{number}"}
            if name in places
            else {"internet": f"198.18.7.{number}"},
            public="198.18.7.5" if name in places else "",
        )
        for number, (name, machine) in enumerate(flat.machines.items(), 10)
    }
    gateway = {"internet": "198.18.7.5", "dmz": f"{DMZ}.253", "lan": f"{LAN}.253"}
    machines |= {
        "gateway": _machine("gateway", gateway),
        "inside-dns": _machine("inside-dns", {"lan": f"{LAN}.30"}),
        "intranet": _machine("intranet", {"lan": f"{LAN}.40"}),
    }
    second = replace(flat.services["resolver"], name="inside-dns", machine="inside-dns")
    mail = flat.services["mail"]
    mail = replace(mail, expansion=replace(mail.expansion, host_name="mail.lab1.test"))
    services = {**flat.services, "inside-dns": second, "mail": mail,
                "intranet": Service("intranet", "front", "intranet", None)}  # fmt: skip
    staff = Site("staff", "www", ("staff.lab1.test",), inside=True, front="intranet")
    networks = (
        Network("internet", "198.18.7.0/24"),
        Network("dmz", f"{DMZ}.0/24", private=True),
        Network("lan", f"{LAN}.0/24", private=True),
    )
    return replace(flat, services=services, sites=(*SITES, staff), machines=machines,
                   networks=networks)  # fmt: skip


DMZ, LAN = "10.9.0", "10.9.1"


def _machine(name: str, addresses: dict[str, str]) -> Machine:
    return Machine(
        name, (name,), frozenset(), frozenset(), addresses, f"{name}.hosts.lab1.test",
        public="198.18.7.5",
    )  # fmt: skip


def zone(view: str, name: str = "lab1.test", own: Own | None = None) -> list[str]:
    return lines(rendered("dns", company(own))[f"/etc/bind/zones/{view}/db.{name}"])


def test_inside_every_machine_is_where_it_is() -> None:
    inside = zone("inside")
    for line in ("ns 300 IN A 10.9.0.11", "www 300 IN A 10.9.0.10", "mail 300 IN A 10.9.1.13",
                 "staff 300 IN A 10.9.1.40", "gateway.hosts 300 IN A 198.18.7.5",
                 "inside-dns.hosts 300 IN A 10.9.1.30"):  # fmt: skip
        assert line in inside


def test_outside_there_is_one_public_address_and_nothing_of_the_inside() -> None:
    assert zone("outside")[3:] == [
        "@ 300 IN NS ns",
        "ns 300 IN A 198.18.7.5",
        "www 300 IN A 198.18.7.5",
        "@ 300 IN A 198.18.7.5",
        "app 300 IN A 198.18.7.5",
        "resolver.hosts 300 IN A 198.18.7.12",
        "gateway.hosts 300 IN A 198.18.7.5",
        "mail 300 IN A 198.18.7.5",
        "@ 300 IN MX 10 mail",
        'mail._domainkey 300 IN TXT "v=DKIM1; p=MIIB"',
        "mail.hosts 60 IN A 198.18.7.5",
    ]


def test_own_records_tell_strangers_of_no_private_address() -> None:
    own: Own = {
        "db": {"A": ("10.9.1.99",), "TXT": ("the books",)},
        "backup": {"A": ("192.168.7.1",)},
        "both": {"A": ("10.9.1.98", "198.18.7.98")},
        "old": {"CNAME": ("db",)},
        "older": {"CNAME": ("old.lab1.test.",)},
        "@": {"MX": ("20 backup", "30 both"), "TXT": ("for all",)},
        "_x._tcp": {"SRV": ("0 1 5 db",)},
        "child": {"NS": ("ns.child", "both")},
        "ns.child": {"A": ("172.16.0.1",)},
    }
    inside, outside = zone("inside", own=own), zone("outside", own=own)
    hidden = ("db", "backup", "old", "older", "_x._tcp", "ns.child")
    for name in hidden:
        assert [line for line in inside if line.startswith(f"{name} ")]
    for line in outside:
        assert not re.search(r"\b(10\.9|192\.168|172\.16)\.", line)
        assert not set(line.split()) & {*hidden, "old.lab1.test."}
    for line in ("both 300 IN A 198.18.7.98", "@ 300 IN MX 30 both", '@ 300 IN TXT "for all"',
                 "child 300 IN NS both"):  # fmt: skip
        assert line in outside


def test_private_addresses_have_names_inside_only() -> None:
    folders = {path for path in rendered("dns", company()) if "in-addr.arpa" in path}
    assert {path for path in folders if path.startswith("/etc/bind/zones")} == {
        "/etc/bind/zones/inside/db.0.9.10.in-addr.arpa",
        "/etc/bind/zones/inside/db.1.9.10.in-addr.arpa",
        "/etc/bind/zones/inside/db.7.18.198.in-addr.arpa",
        "/etc/bind/zones/outside/db.7.18.198.in-addr.arpa",
    }
    for view in ("inside", "outside"):  # the address that mail comes from has the mail's name
        rows = zone(view, "7.18.198.in-addr.arpa")
        assert [row for row in rows if row.startswith("5 ")] == ["5 300 IN PTR mail.lab1.test."]


def test_who_stands_inside_is_told_the_inside() -> None:
    conf = rendered("dns", company())["/etc/bind/named.conf"]
    inside, outside = conf.split('view "inside" {')[1].split('view "outside" {')
    assert "match-clients { 127.0.0.0/8; 10.9.0.0/24; 10.9.1.0/24; };" in inside
    assert "match-clients { any; };" in outside
    assert (inside.count("zone "), outside.count("zone ")) == (4, 2)
    files = re.findall(r'file "([^"]*)"', conf)
    assert len(set(files)) == 6  # named signs each zone of each view in a file of its own


def test_each_resolver_asks_from_where_it_stands() -> None:
    placed = company()
    outside = rendered("resolver", placed)["/etc/unbound/unbound.conf"]
    assert "access-control: 198.18.7.0/24 allow\n" in outside
    assert "stub-addr: 198.18.7.5\n" in outside
    assert not re.search(r"10\.9\.", outside)
    assert "9.10.in-addr.arpa" not in outside
    found = resolver.files(placed.services["inside-dns"], placed, KEPT)
    (inside,) = [templates.text(f.content) for f in found if isinstance(f.content, Template)]
    for line in ("access-control: 10.9.0.0/24 allow", "access-control: 10.9.1.0/24 allow",
                 "stub-addr: 10.9.0.11",
                 'local-zone: "1.9.10.in-addr.arpa." transparent'):  # fmt: skip
        assert f"    {line}\n" in inside


def test_trust_anchors_name_no_private_zone_outside() -> None:
    inside, outside = (zones.trust_anchors(view, KEPT) for view in views.of(company()))
    assert "9.10.in-addr.arpa" in inside
    assert "9.10.in-addr.arpa" not in outside
    assert KEY.public in outside


@pytest.mark.parametrize("change", ["public", "front", "inside", "private"])
def test_a_change_of_either_view_is_a_new_serial(change: str) -> None:
    before = after = company()
    if change == "public":
        moved = {n: replace(m, public="198.18.7.6") for n, m in before.machines.items()}
        after = replace(before, machines=moved)
    elif change == "private":
        networks = tuple(replace(n, private=n.name == "lan") for n in before.networks)
        after = replace(before, networks=networks)
    else:
        value: Any = {"front": "front", "inside": False}[change]
        staff = replace(before.sites[-1], **{change: value})
        after = replace(before, sites=(*before.sites[:-1], staff))
    assert serials.digest_of(before, {}) != serials.digest_of(after, {})


def said(own: Own) -> list[tuple[tuple[str | int, ...], str]]:
    found = list(dns.problems(dns.Options(own), SCOPE))
    if not found:
        everything = services(own)
        found = list(dns.joint_problems(everything["dns"], everything, SCOPE))
    return [(complaint.path[1:], complaint.message) for complaint in found]


@pytest.mark.parametrize(
    "own",
    [
        {"blog": {"CNAME": ("www",)}},
        {"blog": {"CNAME": ("www.example.com.",)}},
        {"@": {"TXT": ("hello",), "MX": ("20 mail", "30 mx.example.com."), "CAA": ("0 issue x",)}},
        {"_sip._tcp": {"SRV": ("0 5 5060 mail",)}, "*": {"A": ("198.18.7.9",)}},
        {"child": {"NS": ("ns.child", "ns")}, "ns.child": {"A": ("198.18.7.9",)}},
        {"child": {"NS": ("ns",)}, "@": {"MX": ("10 mail.child",)}},
        {"big": {"AAAA": ("fd00::1",)}, "@": {"MX": ("5 big",)}},
        {"@": {"MX": ("0 .",)}},
    ],
)
def test_own_records_that_are_fine(own: Own) -> None:
    assert said(own) == []


@pytest.mark.parametrize(
    ("own", "path", "message"),
    [
        ({"x": {"A": ("1.2.3",)}}, ("x", "A", 0), "this is not an IPv4 address"),
        ({"x": {"MX": ("10 mail", "mail")}}, ("x", "MX", 1), "this is not a preference and a host"),
        ({"a_b": {"A": ("1.2.3.4",)}}, ("a_b", "A"), "a host's name has no underscore"),
        ({"@": {"CNAME": ("www",)}}, ("@", "CNAME"), "the domain itself cannot be an alias"),
        ({"@": {"NS": ("www",)}}, ("@", "NS"), "only a name below the domain can be delegated"),
        ({"x": {"CNAME": ("a", "b")}}, ("x", "CNAME"), "an alias has no other records"),
        ({"x": {"CNAME": ("a",), "TXT": ("b",)}}, ("x", "CNAME"), "an alias has no other records"),
        ({"www": {"CNAME": ("app",)}}, ("www", "CNAME"), "the lab itself says what 'www' is"),
        ({"ns": {"A": ("1.2.3.4",)}}, ("ns", "A"), "the lab itself says where 'ns' is"),
        ({"mail": {"CNAME": ("app",)}}, ("mail", "CNAME"), "the lab itself says what 'mail' is"),
        ({"mail": {"AAAA": ("::1",)}}, ("mail", "AAAA"), "the lab itself says where 'mail' is"),
        ({"hosts": {"NS": ("ns",)}}, ("hosts", "NS"), "delegating 'hosts' would hide records"),
        ({"@": {"A": ("1.2.3.4",)}}, ("@", "A"), "the lab itself says where '@' is"),
        ({"@": {"MX": ("10 nobody",)}}, ("@", "MX", 0), "the lab has no host 'nobody.lab1.test'"),
        ({"z": {"NS": ("ns.z",)}}, ("z", "NS", 0), "the lab has no host 'ns.z.lab1.test'"),
        (
            {"_a._tcp": {"SRV": ("0 0 1 x.lab1.test.",)}},
            ("_a._tcp", "SRV", 0),
            "the lab has no host 'x.lab1.test'",
        ),
    ],
)
def test_own_records_that_are_wrong(own: Own, path: tuple[str | int, ...], message: str) -> None:
    (found,) = {(place, text) for place, text in said(own) if place == path}
    assert found[1].startswith(message)


def test_all_reasons_at_once() -> None:
    own: Own = {"a": {"A": ("x", "y")}, "b": {"MX": ("z",)}, "@": {"CNAME": ("c",)}}
    assert len(said(own)) >= 4


def test_owner_type() -> None:
    assert dns.Owner().read("_SIP._tcp") == "_sip._tcp"
    with pytest.raises(Wrong):
        dns.Owner().read("a b")


def test_probe_waits_for_the_signature() -> None:
    probe = services()["dns"].expansion.daemons[0].ready
    assert probe is not None
    assert probe.transport == "udp"
    assert probe.send[12:23] == b"\x04lab1\x04test\x00"
    pattern = probe.expect.encode("latin-1")
    assert re.match(pattern, b"LB\x84\0\0\x01\0\x02\0\0")
    assert not re.match(pattern, b"LB\x84\0\0\x01\0\x01\0\0")


def test_templates_know_all_their_names() -> None:
    try:
        rendered("dns", lab())
        rendered("resolver", lab())
    except jinja2.UndefinedError as error:
        pytest.fail(str(error))
