"""Every kind says what its services are made of, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from labctl import kinds
from labctl.expand.setting import Setting
from labctl.kinds import Scope
from labctl.model import Server, Service, Site
from labctl.spec.specification import ServiceSpec, limits_of

Services = Mapping[str, Service]


def services(here: Setting, sites: tuple[Site, ...]) -> tuple[Services, frozenset[str]]:
    """All services by name, expanded as far as they can be, and the names of those that cannot."""
    scopes = {name: _scope(name, here, sites) for name in here.spec.services}
    broken = set(here.spec.broken)
    found = {}
    for name, spec in here.spec.services.items():
        found[name] = _bare(spec, here)
        if _complains(spec, scopes[name], here):
            broken.add(name)
        else:
            found[name] = _expanded(found[name], spec, scopes[name], here)
    if not here.reader.problems:
        _joint_problems(found, scopes, here)
    return found, frozenset(broken)


def _scope(name: str, here: Setting, sites: tuple[Site, ...]) -> Scope:
    spec = here.spec
    return Scope(
        lab=spec.name,
        domain=spec.domain,
        sites=tuple(site for site in sites if site.service == name),
        all_sites=sites,
        services={service.name: service.kind for service in spec.services.values()},
        content=spec.services[name].content,
        beside_front=_beside_front(name, here, sites),
        port=here.ports[name],
        server=_server(name, here, sites),
    )


def _server(service: str, here: Setting, sites: tuple[Site, ...]) -> Server:
    """The web server of the front on a service's machine, else of its first site's front."""
    owners = [site.front for site in sites if site.service == service]
    beside = [name for name in here.fronts if here.machines[name] == here.machines[service]]
    front = next((name for name in (*beside, *owners) if name in here.spec.services), "")
    options = here.spec.services[front].options if front else None
    server: Server = getattr(options, "server", "nginx")
    return server


def _beside_front(service: str, here: Setting, sites: tuple[Site, ...]) -> bool:
    """Whether a service runs on the machine of every front that talks to it."""
    own = {name for name in here.fronts if name not in here.brought}
    fronts = {site.front for site in sites if site.service == service} or own
    return {here.machines.get(front) for front in fronts} == {here.machines[service]}


def _bare(spec: ServiceSpec, here: Setting) -> Service:
    machine = here.machines[spec.name]
    return Service(spec.name, spec.kind, machine, spec.options, source=spec.source)


def _complains(spec: ServiceSpec, scope: Scope, here: Setting) -> bool:
    """Let the kind look at the service's options."""
    judge = getattr(kinds.load(spec.kind), "problems", _none)
    complaints = tuple(judge(spec.options, scope))
    for complaint in complaints:
        path = ("services", spec.name, *complaint.path)
        here.complain(path, complaint.message, complaint.hint)
    return bool(complaints)


def _expanded(service: Service, spec: ServiceSpec, scope: Scope, here: Setting) -> Service:
    expansion = kinds.load(spec.kind).expand(service, scope)
    if "disk" in spec.limits and not expansion.volumes:
        path = ("services", spec.name, "disk")
        here.complain(path, f"a {spec.kind} service has no data that a disk would hold")
    limits = limits_of(spec, expansion.limits)
    return replace(service, expansion=replace(expansion, limits=limits))


def _joint_problems(found: Services, scopes: Mapping[str, Scope], here: Setting) -> None:
    """Let the kinds look at all services together."""
    for service in found.values():
        judge = getattr(kinds.load(service.kind), "joint_problems", _none)
        for complaint in judge(service, found, scopes[service.name]):
            path = ("services", service.name, *complaint.path)
            here.complain(path, complaint.message, complaint.hint)


def _none(*_: object) -> Iterator[kinds.Complaint]:
    return iter(())
