"""The nginx that owns the lab's ports 80 and 443 and sends each host name to its service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from labctl import on_demand, webserver
from labctl.kinds import Scope
from labctl.model import (
    Check,
    Expansion,
    File,
    Kept,
    Lab,
    Limits,
    Service,
    Site,
    Template,
    Tier,
    Want,
    person_key,
)

IMPLIED = True
TIER: Tier = "public"
LISTS = "/etc/ssl/labctl/revocations.pem"


@dataclass(frozen=True, slots=True)
class Options:
    """The front has no options: its virtual hosts come from the lab's sites."""


def expand(service: Service, scope: Scope) -> Expansion:
    """One nginx, a certificate a site with TLS."""
    sites = tuple(site for site in scope.all_sites if site.front == service.name)
    return Expansion(
        packages=webserver.PACKAGES,
        capabilities=webserver.CAPABILITIES,
        daemons=(webserver.DAEMON,),
        ports={"http": 80, "https": 443},
        wants=tuple(want for site in sites for want in _wants(site, scope.domain)),
        checks=tuple(check for site in sites for check in _checks(site))
        + tuple(_refusals(service, sites, scope.domain)),
        limits=Limits(memory=_memory(len(sites)), cpus=2.0),
        published=True,
    )


def _memory(sites: int) -> int:
    """Half a MiB a site, in large steps: a new site must not mean a new container."""
    return (128 + 64 * (1 + sites // 128)) * 2**20


def _wants(site: Site, domain: str) -> Iterable[Want]:
    """The site's certificate; one for each person that it lets in, and the list of revoked ones."""
    if site.tls != "none":
        issuer: Literal["ca", "self"] = "ca" if site.tls == "ca" else "self"
        yield Want("certificate", site.certificate, site.names, issuer)
    for person in site.clients:
        yield Want("certificate", person_key(person), (f"{person}@{domain}",), client=True)
    if site.clients:
        yield Want("crl", "revoked")


def _checks(site: Site) -> Iterable[Check]:
    """What a client sees at the first page of a site, by HTTPS and by HTTP."""
    if site.clients:
        url = f"https://{site.host}/"
        yield _check(site, "refuses who has no certificate", url, {"status": 400})
        lets_in = _check(site, f"lets {site.clients[0]} in", url, {"status": _GOOD})
        yield replace(lets_in, ask={"url": url, "person": site.clients[0]})
    elif site.tls == "ca":
        yield _check(site, "answers by HTTPS", f"https://{site.host}/", {"status": _GOOD})
    if site.tls == "self-signed" and not site.clients:
        yield _check(
            site,
            "is refused by a client that trusts only the lab's CA",
            f"https://{site.host}/",
            {"error": {"matches": "(?i)self.signed certificate"}},
        )
    words, plain = _PLAIN[site.http]
    yield _check(site, words, f"http://{site.host}/", plain)


_GOOD = {"matches": "^[23]..$"}
_PLAIN: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "redirect": ("sends HTTP to HTTPS", {"status": 308, "location": {"matches": "^https://"}}),
    "serve": ("answers by HTTP", {"status": _GOOD}),
    "refuse": ("refuses HTTP", {"status": 403}),
}


def _check(site: Site, words: str, url: str, expect: Mapping[str, Any]) -> Check:
    return Check(
        name=f"{site.host} {words}",
        service=site.service,
        client="http",
        ask={"url": url},
        expect=expect,
        hint=f"`labctl explain {url}` shows which virtual host answers",
    )


def _refusals(service: Service, sites: Sequence[Site], domain: str) -> Iterable[Check]:
    """A name that is no site gets the defined refusal on both ports."""
    if not sites:
        return
    known = sites[0].host
    where = " inside" if sites[0].inside else ""
    unknown = f"no-such-site.{domain}"
    yield Check(
        name=f"an unknown name gets 421 by HTTP{where}",
        service=service.name,
        client="http",
        ask={"url": f"http://{unknown}/", "connect": known},
        expect={"status": 421},
    )
    yield Check(
        name=f"an unknown name gets no TLS handshake{where}",
        service=service.name,
        client="http",
        ask={"url": f"https://{unknown}/", "connect": known},
        expect={"error": {"matches": "(?i)unrecognized name|handshake"}},
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The virtual hosts with their certificates, and the servers behind them."""
    sites = [site for site in lab.sites if site.front == service.name]
    others = {site.service for site in lab.sites} - {site.service for site in sites}
    upstreams = [
        (s.name, _seen_from(service, s, lab), s.expansion.route.port, _waker(s, lab))
        for s in lab.services.values()
        if s.expansion.route and s.name not in others and not _local(s, service)
    ]
    yield File(
        "/etc/nginx/upstreams.conf", Template("front/upstreams.conf.j2", {"upstreams": upstreams})
    )
    sockets = {"door": lab.door, "at_door": _at_door(service, lab)}
    default = Template("front/default.conf.j2", sockets)
    yield File("/etc/nginx/sites-enabled/00_default.conf", default)
    if any(site.clients for site in sites):
        yield File(LISTS, kept.crl.encode(), source="labctl ca")
    for site in sites:
        yield from _site(site, service, lab, kept)


def _at_door(front: Service, lab: Lab) -> bool:
    """Whether the edge sends requests here: a front that strangers talk to, behind the edge."""
    machine = lab.machines[front.machine]
    return bool(lab.door) and webserver.outer_front(machine, lab)


def _seen_from(front: Service, service: Service, lab: Lab) -> list[str]:
    """The addresses at which the front reaches a service: one for each of its replicas."""
    if service.machine == front.machine:
        return ["127.0.0.1"]
    return [machine.address for machine in lab.replicas_of(service.name)]


def _waker(service: Service, lab: Lab) -> str:
    """The socket of what starts the service's daemon where that is on demand; else ""."""
    daemon = on_demand.daemon_of(service, lab)
    return on_demand.socket(daemon) if daemon else ""


def _local(service: Service, front: Service) -> bool:
    """Whether the front's own nginx answers the service."""
    route = service.expansion.route
    return service.machine == front.machine and route is not None and route.locations is not None


def _site(site: Site, front: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    service = lab.services[site.service]
    route = service.expansion.route
    assert route is not None
    names = {
        "site": site,
        "client": f"client_of_{re.sub(r'[^a-z0-9]', '_', site.name)}",
        "https_port": lab.publishing.https,
        "door": lab.door,
        "at_door": _at_door(front, lab),
        "locations": route.locations if _local(service, front) else None,
        "websocket": route.websocket,
        "replicas": len(lab.replicas_of(service.name)),
    }
    yield File(
        f"/etc/nginx/sites-enabled/{site.name}.conf",
        Template("front/site.conf.j2", names),
        source=site.source,
    )
    if site.config:
        yield File(f"/etc/nginx/snippets/{site.name}.conf", site.config, source=site.config_source)
    if site.tls != "none":
        leaf = kept.certificates[site.certificate]
        yield File(f"/etc/ssl/labctl/{site.name}.pem", leaf.chain.encode(), source=site.source)
        yield File(
            f"/etc/ssl/private/{site.name}.key", leaf.key.encode(), mode=0o600, source=site.source
        )
