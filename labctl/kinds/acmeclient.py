"""A web server that asks an ACME authority for its certificate, by hand: certbot, lego, dehydrated.

Its ports 80 and 443 are its own, and so is the DNS zone in which it answers DNS-01: its
challenges are delegated to it (RFC 8555 section 8.4). Nothing is asked for until somebody does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from labctl import webserver
from labctl.dns import zones
from labctl.kinds import Complaint, Scope
from labctl.model import (
    AddressOf,
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
)
from labctl.spec.fields import Content, Doc, Many, Package

TIER: Tier = "public"
CHALLENGE = "_acme-challenge"
WELL_KNOWN = "/var/lib/acme"  # certbot's answers to HTTP-01 (below .well-known/acme-challenge)
ZONE_FILE = "/etc/bind/db.challenge"
LIVE_ZONE = "/var/lib/bind/db.challenge"
HOOK = "/usr/local/bin/dns-challenge"

_WEB_SERVER = replace(
    webserver.DAEMON, prepare=(*webserver.DAEMON.prepare, ("install", "-d", WELL_KNOWN))
)


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a server that asks for its certificate."""

    content: Annotated[
        str, Content(), Doc("folder with its pages, beside the lab file; the service's name")
    ] = ""
    packages: Annotated[
        tuple[str, ...], Many(Package()), Doc("the ACME clients, as Debian packages")
    ] = ("certbot", "dehydrated", "lego")


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """It would have no first page."""
    if "index.html" not in scope.content:
        yield Complaint(("content",), "there is no index.html, so it has no first page")


def joint_problems(
    service: Service, services: Mapping[str, Service], scope: Scope
) -> Iterable[Complaint]:
    """There is nobody to ask."""
    if not any(one.kind == "acme" for one in services.values()):
        yield Complaint((), "the lab has no ACME authority to ask", "add `acme: acme`")


def expand(service: Service, scope: Scope) -> Expansion:
    """An nginx for its pages, a name server for its challenges, the clients."""
    options: Options = service.options
    host, zone = names(service, scope.domain)
    relative = f"{CHALLENGE}.{service.name}"
    return Expansion(
        packages=webserver.PACKAGES
        | {"bind9", "bind9-dnsutils", "curl", "openssl", *options.packages},
        capabilities=webserver.CAPABILITIES | {"CHOWN"},
        daemons=(_WEB_SERVER, _name_server(zone)),
        ports={"http": 80, "https": 443, "dns": 53},
        records=(
            Record(service.name, "A", AddressOf(service.name)),
            Record(relative, "NS", f"{host}."),
        ),
        checks=(_check(service, host),),
        limits=Limits(memory=256 * 2**20, processes=100),
    )


def names(service: Service, domain: str) -> tuple[str, str]:
    """Its host name, and the zone of its challenges."""
    host = f"{service.name}.{domain}"
    return host, f"{CHALLENGE}.{host}"


def _name_server(zone: str) -> Daemon:
    """BIND with one zone, which `nsupdate -l` changes (named.conf(5): update-policy local)."""
    shared = ("-o", "root", "-g", "bind", "-m", "775")  # root overrides no permission here
    return Daemon(
        name="challenges",
        run=("named", "-g", "-n", "1"),
        user="bind",
        prepare=(
            ("install", "-d", *shared, "/run/named", "/var/lib/bind", "/var/cache/bind"),
            ("rm", "-f", f"{LIVE_ZONE}.jnl"),
            ("install", "-m", "644", ZONE_FILE, LIVE_ZONE),
        ),
        test=("named-checkconf",),
        restarts=("/etc/bind/",),
        environment={"MALLOC_CONF": "narenas:1"},
        ready=Probe(53, r"^LB\x84\x00\x00\x01\x00\x01", zones.soa_query(zone), "udp"),
    )


def _check(service: Service, host: str) -> Check:
    return Check(
        name=f"{host} answers by HTTP",
        service=service.name,
        client="http",
        ask={"url": f"http://{host}/"},
        expect={"status": {"matches": "^[23]..$"}},
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """Its pages, its virtual host for plain HTTP, its zone, and what the clients are told."""
    host, zone = names(service, lab.domain)
    authority = f"https://{lab.of_kind('acme')[0].name}.{lab.domain}/dir"
    context = {
        "service": service, "host": host, "zone": zone, "authority": authority,
        "domain": lab.domain, "well_known": WELL_KNOWN, "hook": HOOK, "live_zone": LIVE_ZONE,
    }  # fmt: skip
    rendered = {
        f"/etc/nginx/sites-enabled/{service.name}.conf": "plain.conf",
        "/etc/bind/named.conf": "named.conf",
        ZONE_FILE: "zone",
        "/etc/letsencrypt/cli.ini": "certbot.ini",
        "/etc/dehydrated/config": "dehydrated",
    }
    for path, name in rendered.items():
        template = Template(f"acmeclient/{name}.j2", context)
        yield File(path, template, source=service.source)
    yield File(HOOK, Template("acmeclient/dns-challenge.j2", context), 0o755)
    for path, content in lab.contents[service.name].items():
        source = lab.content_source(service.name, path)
        yield File(f"/var/www/{service.name}/{path}", content, source=source)
