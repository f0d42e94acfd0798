"""What is wrong with sites at the front that has them, and with what stands beside a front."""

from __future__ import annotations

from labctl import kinds, platforms
from labctl.expand.case import Case
from labctl.model import Site
from labctl.spec.problems import nearest
from labctl.spec.specification import SiteSpec

FRONT_PORTS = (80, 443)
_OTHER_FRONT = "have it by a front that is nginx"


def judge(case: Case) -> None:
    """Note all problems."""
    for site, spec in case.written:
        _placed(site, spec, case)
        _answered(site, spec, case)
    _sockets_used_once(case)
    _beside(case)
    for site, spec in case.written:
        _closed(site, spec, case)
        _inspected(site, spec, case)


def _placed(site: Site, spec: SiteSpec, case: Case) -> None:
    """The front that a site names is one; what it has of its own is not shared by others."""
    here, path = case.here, ("sites", spec.key)
    own = [name for name in here.fronts if name not in here.brought]
    if spec.front and spec.front not in own:
        message = f"there is no front '{spec.front}'"
        here.complain((*path, "front"), message, nearest(spec.front, own))
    if site.port in FRONT_PORTS:
        message = f"port {site.port} is shared by all sites"
        here.complain((*path, "port"), message, "leave it out, and the name decides")
    if spec.front in own[1:] and not platforms.load(here.platform).ADDRESSES:
        message = f"on {here.platform} the gateway sends visitors to '{own[0]}' only"
        here.complain((*path, "front"), message, "refuse this platform in `platforms:`")
    if site.own_address and not platforms.load(here.platform).ADDRESSES:
        message = f"on {here.platform} all sites share one address"
        here.complain((*path, "own-address"), message, "refuse this platform in `platforms:`")


def _answered(site: Site, spec: SiteSpec, case: Case) -> None:
    """Files are sent by the web server of their machine; another front there has not this site."""
    service, machines = case.services.get(site.service), case.here.machines
    route = service.expansion.route if service else None
    if not (spec.front and service and route and route.locations):
        return
    there = [front for front in case.here.fronts if machines[front] == service.machine]
    if there and site.front not in there:
        message = f"the files of '{service.name}' are on the machine of the front '{there[0]}'"
        hint = f"give '{service.name}' the machine of '{site.front}', or one of its own"
        case.here.complain(("sites", spec.key, "front"), message, hint)


def _sockets_used_once(case: Case) -> None:
    """A site with a port of its own shares it with no other of its front."""
    owners: dict[tuple[str, int], str] = {}
    for site, spec in case.written:
        if site.port and not site.own_address:
            first = owners.setdefault((site.front, site.port), spec.key)
            if first != spec.key:
                path = ("sites", spec.key, "port")
                message = f"port {site.port} of '{site.front}' belongs to the site '{first}'"
                case.here.complain(path, message, "give it another")


def _beside(case: Case) -> None:
    """What belongs on the front's machine is there, once, and sees the front's own sites only."""
    machines, fronts = case.here.machines, case.here.fronts
    own = [machines[front] for front in fronts if front not in case.here.brought]
    near = [s for s in case.services.values() if kinds.beside_front(s.kind)]
    for number, service in enumerate(near):
        path = ("services", service.name)
        if number and service.kind in {one.kind for one in near[:number]}:
            case.here.complain_of_key(path, f"a second {service.kind}; a lab has one")
        elif own and service.machine not in own:
            message = f"'{service.name}' has to run on the machine of the front, '{own[0]}'"
            case.here.complain_of_key(path, message, "let both have the same machine")


def _closed(site: Site, spec: SiteSpec, case: Case) -> None:
    """Who must show a certificate has to come by TLS, to an nginx."""
    if not site.clients:
        return
    path = ("sites", spec.key, "clients")
    if _is_apache(site.front, case):
        message = f"its front '{site.front}' is an Apache, which asks nobody for a certificate here"
        case.here.complain(path, message, _OTHER_FRONT)
    if site.tls == "none":
        message = "without TLS nobody can show a certificate"
        case.here.complain(path, message, "leave `tls: none` out")
    elif site.http == "serve":
        message = "by plain HTTP everybody would get in, with no certificate"
        case.here.complain(("sites", spec.key, "http"), message, "`redirect` or `refuse`")


def _is_apache(front: str, case: Case) -> bool:
    """Whether a front is one; what a platform brings is nginx."""
    service = case.services.get(front)
    return service is not None and getattr(service.options, "server", "") == "apache"


def _inspected(site: Site, spec: SiteSpec, case: Case) -> None:
    """The inspector is beside the site's front, an nginx, which knows the site by its name."""
    if not site.inspect:
        return
    path, machine = ("sites", spec.key, "inspect"), case.here.machines.get(site.front)
    beside = {s.machine for s in case.services.values() if kinds.beside_front(s.kind)}
    if _is_apache(site.front, case):
        message = f"its front '{site.front}' is an Apache, which cannot hand it to the inspector"
        case.here.complain(path, message, _OTHER_FRONT)
    elif machine not in beside:
        message = f"its front is on the machine '{machine}', the inspector not"
        hint = "only sites of the front beside the inspector can be inspected"
        case.here.complain(path, message, hint)
    if site.alone:
        own = "a port" if site.port else "an address"
        message = f"it has {own} of its own and answers to any name; the inspector tells by names"
        case.here.complain(path, message, "inspect a site that has neither")
