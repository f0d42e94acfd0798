"""The sites of a lab: each name in full, and the front that owns it."""

from __future__ import annotations

from labctl.expand.setting import Setting
from labctl.model import HOSTS, Site
from labctl.spec.problems import Mark, shown
from labctl.spec.reader import Reader
from labctl.spec.specification import SiteSpec


def sites(here: Setting) -> tuple[Site, ...]:
    """All sites, in the lab file's order."""
    return tuple(_site(site, here) for site in here.spec.sites)


def _site(site: SiteSpec, here: Setting) -> Site:
    """A site with its full names and its front."""
    relative = [
        _relative(name, site.key, place, here)
        for name, place in zip(site.names, places(site, here.reader), strict=True)
    ]
    below = [(here.spec.domain, n) for n in relative]
    below += [(here.spec.localhost, n) for n in relative]
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
        clients=site.clients,
        front=_front(site.inside, here),
    )


def _front(inside: bool, here: Setting) -> str:
    """The front that owns a site: for one that is inside the platform brings another."""
    fitting = [name for name in here.fronts if (name in here.brought) == inside]
    return (*fitting, *here.fronts, "front")[0]


def places(site: SiteSpec, reader: Reader) -> list[Mark]:
    """Where each name of a site stands in the lab file."""
    paths = [("sites", site.key, "names", n) for n in range(len(site.names) - 1)]
    return [reader.at_key(("sites", site.key)), *map(reader.at, paths)]


def _relative(name: str, site: str, place: Mark, here: Setting) -> str:
    """A host name relative to the domain; several labels must be given in full."""
    domain = here.spec.domain
    relative = "@" if name == domain else name.removesuffix(f".{domain}")
    reason = hint = ""
    if name == relative and "." in name:
        reason = f"'{shown(name)}' is outside the lab's domain {domain}"
        hint = f"give one label, relative to the domain, or a name that ends in .{domain}"
    elif f".{relative}".endswith(f".{HOSTS}"):
        reason = f"{HOSTS}.{domain} is where the lab's machines have their names"
        hint = "take another name"
    if reason:
        here.reader.complain(place, ("sites", site), reason, hint)
    return relative
