"""The web server that owns the lab's ports 80 and 443 and sends each host name to its service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from labctl import apache, front_checks, inspecting, on_demand, webserver
from labctl.kinds import Scope
from labctl.model import (
    Check,
    Expansion,
    File,
    Kept,
    Lab,
    Limits,
    Server,
    Service,
    Site,
    Template,
    Tier,
    Want,
    person_key,
)
from labctl.spec.fields import Choice, Doc

IMPLIED = True
SEVERAL = True
TIER: Tier = "public"
LISTS = "/etc/ssl/labctl/revocations.pem"
_SERVERS: Mapping[Server, Any] = {"nginx": webserver, "apache": apache}
_LAYOUT: Mapping[Server, tuple[str, str]] = {
    "nginx": ("/etc/nginx", "front/site.conf.j2"),
    "apache": ("/etc/apache2", "front/apache-site.conf.j2"),
}


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a front. Its virtual hosts come from the lab's sites."""

    server: Annotated[
        Server,
        Choice("nginx", "apache"),
        Doc("the web server that it is, and its sites' files too"),
    ] = "nginx"


@dataclass(frozen=True, slots=True)
class _Upstream:
    """A service behind nginx: its addresses and port, what wakes it, whether it lets go."""

    name: str
    addresses: Sequence[str]
    port: int
    waker: str
    lets_go: bool


def expand(service: Service, scope: Scope) -> Expansion:
    """One web server, a certificate a site with TLS."""
    sites = tuple(site for site in scope.all_sites if site.front == service.name)
    server = _SERVERS[service.options.server]
    return Expansion(
        packages=server.PACKAGES,
        capabilities=server.CAPABILITIES,
        daemons=(server.DAEMON,),
        ports=_ports(sites),
        wants=tuple(want for site in sites for want in _wants(site, scope.domain)),
        checks=tuple(_checks(service, sites, scope)),
        limits=_limits(service, len(sites)),
        published=_is_first(service, scope),
    )


def _ports(sites: Sequence[Site]) -> dict[str, int]:
    """Where it listens for visitors, and for what comes back from the inspector."""
    own = {f"http-{site.port}": site.port for site in sites if site.port}
    behind = {"inspected": inspecting.BEHIND} if inspecting.inspected(sites) else {}
    return {"http": 80, "https": 443, **own, **behind}


def _is_first(service: Service, scope: Scope) -> bool:
    """Whether it is the lab's first front, which has the host's ports."""
    return service.name == next(n for n, kind in scope.services.items() if kind == "front")


def _limits(service: Service, sites: int) -> Limits:
    """A thread counts as a process, and a reload has the old ones beside the new for a while."""
    if service.options.server == "nginx":
        return Limits(memory=_memory(sites), cpus=2.0)
    return Limits(memory=_memory(sites) + 128 * 2**20, cpus=2.0, processes=1024)


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


def _checks(service: Service, sites: Sequence[Site], scope: Scope) -> Iterable[Check]:
    for site in sites:
        yield from front_checks.of_site(site)
    yield from front_checks.refusals(service, sites, scope, first=_is_first(service, scope))


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The virtual hosts with their certificates, and the servers behind them."""
    write = _nginx if service.options.server == "nginx" else _apache
    yield from write(service, lab)
    sites = [site for site in lab.sites if site.front == service.name]
    if any(site.clients for site in sites):
        yield File(LISTS, kept.crl.encode(), source="labctl ca")
    for site in sites:
        yield from _site(site, service, lab, kept)


def _apache(service: Service, lab: Lab) -> Iterable[File]:
    """What it answers to those who ask for no site; the servers behind are in virtual hosts."""
    secure = [s.name for s in lab.sites if s.front == service.name and s.secure]
    names = {
        "chain": f"/etc/ssl/labctl/{secure[0]}.pem" if secure else "",
        "key": f"/etc/ssl/private/{secure[0]}.key" if secure else "",
    }
    default = Template("front/apache-default.conf.j2", names)
    yield File(apache.DEFAULT, default)


def _nginx(service: Service, lab: Lab) -> Iterable[File]:
    """The servers behind it, and what it answers to those who ask for no site."""
    sites = [site for site in lab.sites if site.front == service.name]
    others = {site.service for site in lab.sites} - {site.service for site in sites}
    upstreams = [
        _Upstream(s.name, _seen_from(service, s, lab), route.port, _waker(s, lab), route.lets_go)
        for s in lab.services.values()
        if (route := s.expansion.route) and s.name not in others and not _local(s, service)
    ]
    inspected = _inspected(sites, lab)
    yield File(
        "/etc/nginx/upstreams.conf",
        Template("front/upstreams.conf.j2", {"upstreams": upstreams, "inspected": inspected}),
    )
    sockets = {"door": lab.door, "at_door": _at_door(service, lab), "inspected": inspected}
    default = Template("front/default.conf.j2", sockets)
    yield File("/etc/nginx/sites-enabled/00_default.conf", default)


def _after_default(name: str) -> str:
    """A file name that is read after ``apache.DEFAULT``: the first virtual host answers strangers.

    No name of a site begins with an underscore, and digits sort before it.
    """
    return f"_{name}" if name[0].isdigit() else name


def _inspected(sites: Sequence[Site], lab: Lab) -> Mapping[str, Any] | None:
    """Where requests of these sites go on their way through the inspector; None for no site."""
    if not inspecting.inspected(sites) or not inspecting.works(lab):
        return None
    return {
        "here": inspecting.HERE,
        "relay": inspecting.TAKES,
        "behind": inspecting.HANDS_BACK,
    }


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
    """Whether the front itself answers the service."""
    route = service.expansion.route
    return service.machine == front.machine and route is not None and route.locations is not None


def _site(site: Site, front: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """A site's virtual host, its own directives and its certificate."""
    home, template = _LAYOUT[front.options.server]
    name = site.name if home == "/etc/nginx" else _after_default(site.name)
    names = _names(site, front, lab)
    yield File(f"{home}/sites-enabled/{name}.conf", Template(template, names), source=site.source)
    if site.config:
        yield File(f"{home}/snippets/{site.name}.conf", site.config, source=site.config_source)
    if site.tls != "none":
        leaf = kept.certificates[site.certificate]
        yield File(f"/etc/ssl/labctl/{site.name}.pem", leaf.chain.encode(), source=site.source)
        yield File(
            f"/etc/ssl/private/{site.name}.key", leaf.key.encode(), mode=0o600, source=site.source
        )


def _client(site: Site) -> str:
    """nginx's variable with the one of a closed site's people who asks."""
    return f"client_of_{re.sub(r'[^a-z0-9]', '_', site.name)}"


def _who(site: Site, lab: Lab) -> str:
    """What the site's service is told of who asks, in nginx's words; "" where it is no question.

    A service with a closed site is told by all its sites, so that no visitor can say it himself.
    """
    if not any(one.clients for one in lab.sites_by_service[site.service]):
        return ""
    if not site.clients:
        return '""'
    return "$http_x_client" if _inspected((site,), lab) else f"${_client(site)}"


def _names(site: Site, front: Service, lab: Lab) -> Mapping[str, Any]:
    """What the template of a virtual host may use."""
    service = lab.services[site.service]
    route = service.expansion.route
    assert route is not None
    addresses = _seen_from(front, service, lab)
    return {
        "site": site,
        "client": _client(site),
        "who": _who(site, lab),
        "address": lab.own_address_of(site),
        "localhost": lab.localhost,
        "https_port": webserver.https_port(lab.machines[front.machine], lab),
        "door": lab.door,
        "at_door": _at_door(front, lab),
        "locations": route.locations if _local(service, front) else None,
        "websocket": route.websocket,
        "replicas": len(addresses),
        "targets": [f"http://{address}:{route.port}" for address in addresses],
        "waker": _waker(service, lab),
        "inspected": _inspected((site,), lab),
    }
