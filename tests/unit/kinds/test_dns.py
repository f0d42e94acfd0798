"""The dns and resolver kinds: zones from a model, and what own records may not say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import jinja2
import pytest

from labctl.dns import zones
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
    text = zones.trust_anchors(lab(), KEPT)
    assert text.startswith("trust-anchors {\n")
    assert f'    "lab1.test." static-key 257 3 13 "{KEY.public}";\n' in text


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
