"""What a lab file's sites bring along: a service, and a site of its own for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from labctl import kinds
from labctl.spec.reader import Reader
from labctl.spec.specification import ServiceSpec, SiteSpec

Services = Mapping[str, ServiceSpec]
Sites = tuple[SiteSpec, ...]


def by_sites(
    services: Services, sites: Sites, reader: Reader
) -> tuple[dict[str, ServiceSpec], Sites]:
    """Services and sites with those that a key of a site asks for, where nobody has named them."""
    found = {name: _beside(one, services, "") for name, one in services.items()}
    for key, kind in kinds.asked_by().items():
        asking = next((site for site in sites if getattr(site, key)), None)
        name = next((one.name for one in found.values() if one.kind == kind), "")
        if asking is None:
            continue
        if not name and kind in found:
            path = ("sites", asking.key, key)
            message = f"the name '{kind}' is taken by a {found[kind].kind} service"
            reader.complain(reader.at(path), path, message, "give that service another name")
            continue
        if not name:
            name = kind
            made = ServiceSpec(kind, kind, kind, {}, kinds.load(kind).Options(), {}, asking.source)
            found[kind] = _beside(made, services, asking.front)
        if not any(site.service == name for site in sites):
            sites = (*sites, _site(kind, name, asking.source))
    return found, sites


def _beside(service: ServiceSpec, services: Services, name: str) -> ServiceSpec:
    """A service whose kind belongs on a front's machine, there unless the lab file says where.

    The front is the one of this name; the first where there is none.
    """
    fronts = {one.name: one for one in services.values() if one.kind == "front"}
    front = fronts.get(name) or next(iter(fronts.values()), None)
    if front is None or service.machine != service.name or not kinds.beside_front(service.kind):
        return service
    return replace(service, machine=front.machine)


def _site(name: str, service: str, source: str) -> SiteSpec:
    return SiteSpec(
        key=name,
        name=name,
        service=service,
        names=(name,),
        tls="ca",
        http="redirect",
        config=b"",
        config_source="",
        source=source,
    )
