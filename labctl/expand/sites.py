"""The sites of a lab: each name in full, and the front that owns it."""

from __future__ import annotations

from labctl.expand.setting import Setting
from labctl.model import HOSTS, Site, party_domain
from labctl.spec.names import host_label_problem
from labctl.spec.problems import Mark, shown
from labctl.spec.reader import Reader
from labctl.spec.specification import SiteSpec


def sites(here: Setting) -> tuple[Site, ...]:
    """All sites, in the lab file's order."""
    return tuple(_site(site, here) for site in here.spec.sites)


def _site(site: SiteSpec, here: Setting) -> Site:
    """A site with its full names and its front."""
    relative = [
        _relative(name, site, place, here)
        for name, place in zip(site.names, places(site, here.reader), strict=True)
    ]
    parents = (here.spec.domain, here.spec.localhost)
    below = [(party_domain(parent, site.party), n) for parent in parents for n in relative]
    names = tuple(parent if name == "@" else f"{name}.{parent}" for parent, name in below)
    return Site(
        name=relative[0],
        service=site.service,
        names=names,
        tls=site.tls,
        http="serve" if site.tls == "none" else site.http,
        config=site.config,
        config_source=site.config_source,
        source=site.source,
        inside=site.inside,
        replicas=site.replicas,
        inspect=site.inspect,
        clients=site.clients,
        front=_front(site, here),
        port=site.port,
        own_address=site.own_address,
        party=_party(site, here),
        health=_health(site, here),
    )


def _health(site: SiteSpec, here: Setting) -> str:
    """The path that its service names; most applications have a first page."""
    service = here.spec.services.get(site.service)
    path: str = getattr(service and service.options, "health", "/")
    return path


def _front(site: SiteSpec, here: Setting) -> str:
    """The front that owns a site: the one that it names; for one that is inside the platform
    brings another.
    """
    fitting = [name for name in here.fronts if (name in here.brought) == site.inside]
    named = [site.front] if site.front in fitting else []
    return (*named, *fitting, *here.fronts, "front")[0]


def _party(site: SiteSpec, here: Setting) -> str:
    """Whose site it is, where it is not the lab's; a class has no domains for others."""
    path = ("sites", site.key, "party")
    if site.party and here.spec.seat:
        hint = "each learner needs a host of their own for it, with `labctl up`"
        here.complain(path, "in a class there is no other party's domain", hint)
    domain = party_domain(here.spec.domain, site.party)
    _, problem = host_label_problem(domain, absolute=True)
    if site.party and problem:
        here.complain(path, f"'{shown(domain)}' is no domain: {problem}", "take a shorter word")
    return site.party


def places(site: SiteSpec, reader: Reader) -> list[Mark]:
    """Where each name of a site stands in the lab file."""
    paths = [("sites", site.key, "names", n) for n in range(len(site.names) - 1)]
    return [reader.at_key(("sites", site.key)), *map(reader.at, paths)]


def _relative(name: str, site: SiteSpec, place: Mark, here: Setting) -> str:
    """A host name relative to the domain; several labels must be given in full."""
    domain = party_domain(here.spec.domain, site.party)
    relative = "@" if name == domain else name.removesuffix(f".{domain}")
    reason = hint = ""
    if name == relative and "." in name:
        reason = f"'{shown(name)}' is outside the lab's domain {domain}"
        hint = f"give one label, relative to the domain, or a name that ends in .{domain}"
    elif f".{relative}".endswith(f".{HOSTS}"):
        reason = f"{HOSTS}.{domain} is where the lab's machines have their names"
        hint = "take another name"
    if reason:
        here.reader.complain(place, ("sites", site.key), reason, hint)
    return relative
