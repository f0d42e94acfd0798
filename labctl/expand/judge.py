"""What is wrong with several services, sites or ports taken together."""

from __future__ import annotations

from collections.abc import Iterator

from labctl import kinds, platforms, ssh
from labctl.checks import variables
from labctl.dns.zones import NAME_SERVER
from labctl.expand import at_fronts
from labctl.expand.at_fronts import FRONT_PORTS
from labctl.expand.case import Case
from labctl.expand.sites import places
from labctl.model import AddressOf, ExposedPort, Service, Site
from labctl.spec import checks
from labctl.spec.keys import ExposeKeys
from labctl.spec.problems import Mark, nearest
from labctl.spec.reader import Path
from labctl.spec.specification import SiteSpec


def judge(case: Case) -> tuple[ExposedPort, ...]:
    """Note all problems; the ports that the lab file exposes."""
    for site, spec in case.written:
        if site.service not in case.broken:
            _answered(site, spec, case)
            _copied(site, spec, case)
    _names_used_once(case)
    _ports_used_once(case)
    _one_kind_each(case)
    _one_root_each(case)
    at_fronts.judge(case)
    _placeable(case)
    _asked(case)
    return tuple(_exposed(case))


def _answered(site: Site, spec: SiteSpec, case: Case) -> None:
    """A site's service is there and answers HTTP."""
    path = ("sites", spec.key, "service")
    answering = [s.name for s in case.services.values() if s.expansion.route]
    if site.service not in case.services:
        hint = nearest(site.service, answering)
        case.here.complain(path, f"there is no service '{site.service}'", hint)
    elif site.service not in answering:
        kind = case.services[site.service].kind
        message = f"'{site.service}' is a {kind} service and answers no HTTP"
        case.here.complain(path, message, nearest("", answering))


def _copied(site: Site, spec: SiteSpec, case: Case) -> None:
    """A machine is copied with all that it runs: that must be the replicated service alone."""
    service = case.services.get(site.service)
    replicated = site.replicas > 1 and platforms.load(case.here.platform).REPLICAS
    if not replicated or service is None:
        return
    path = ("sites", spec.key, "replicas")
    beside = [s.name for s in case.services.values() if s.machine == service.machine]
    if len(beside) > 1:
        others = ", ".join(name for name in beside if name != service.name)
        message = f"the machine of '{service.name}' also runs {others}"
        case.here.complain(path, message, "give the service a machine of its own")
    copies = {f"{service.machine}-{n}" for n in range(2, site.replicas + 1)}
    for name in sorted(copies & {s.machine for s in case.services.values()}):
        message = f"a replica would be called '{name}', which is another machine"
        case.here.complain(path, message, "give that machine another name")


def _names_used_once(case: Case) -> None:
    """Every host name has one owner."""
    domain, reader = case.here.spec.domain, case.here.reader
    owners = {f"{NAME_SERVER}.{domain}": "the lab's name server"}
    for service in case.services.values():
        path = ("services", service.name)
        for record in service.expansion.records:
            if record.type == "A" and isinstance(record.value, AddressOf):
                place = reader.at_key(path)
                _claim(owners, f"{record.name}.{domain}", path, place, "service", case)
    for site, spec in case.written:
        for name, place in zip(site.names, places(spec, reader), strict=False):
            _claim(owners, name, ("sites", spec.key), place, "site", case)


def _claim(
    owners: dict[str, str], name: str, path: Path, place: Mark, what: str, case: Case
) -> None:
    """Note whose a host name is; complain where it is somebody's already."""
    if name in owners:
        message = f"{name} already belongs to {owners[name]}"
        case.here.reader.complain(place, path, message, "every host name has one owner")
    owners.setdefault(name, f"{what} '{path[-1]}'")


def _ports_used_once(case: Case) -> None:
    """Services of one machine need ports of their own; a web server shares its one among sites."""
    owners: dict[tuple[str, int], Service] = {}
    for service in case.services.values():
        path = ("services", service.name)
        for port in set(service.expansion.ports.values()):
            if port == ssh.PORT:
                message = f"port {port} of the machine '{service.machine}' is for logging in"
                case.here.complain_of_key(path, message, "take another port")
            first = owners.setdefault((service.machine, port), service)
            if first is service or _shared(first, service):
                continue
            both = f"'{service.name}' and '{first.name}' both listen on port {port}"
            hint = "give one of them another port or another machine"
            case.here.complain_of_key(path, f"{both} of the machine '{service.machine}'", hint)


def _shared(one: Service, other: Service) -> bool:
    """Whether one web server answers both: a front is one, and answers what is beside it."""
    servers = (_web_server(one), _web_server(other))
    return servers[0] == servers[1] != "" and {one.kind, other.kind} != {"front"}


def _web_server(service: Service) -> str:
    """The web server that a service is, or that its machine has to answer it; "" where none."""
    if service.kind == "front":
        return str(service.options.server)
    route = service.expansion.route
    return route.server if route is not None and route.locations is not None else ""


def _one_kind_each(case: Case) -> None:
    """Of the kinds that every lab has, it has one."""
    brought = case.here.brought
    for kind in kinds.implied():
        same = [s for s in case.services.values() if s.kind == kind and s.name not in brought]
        for extra in [] if getattr(kinds.load(kind), "SEVERAL", False) else same[1:]:
            path = ("services", extra.name)
            hint = f"'{same[0].name}' is the first"
            case.here.complain_of_key(path, f"a second {kind}; a lab has one", hint)
        if not same and kind in case.services:
            message = f"the name '{kind}' is taken by the lab's own {kind}"
            case.here.complain_of_key(("services", kind), message, "give this service another name")


def _one_root_each(case: Case) -> None:
    """A machine that stands on somebody's image runs what that was made for, and nothing else."""
    for service in case.services.values():
        root = service.expansion.extra.root
        beside = [
            other.name
            for other in case.services.values()
            if other.machine == service.machine and other is not service
        ]
        if root and beside:
            message = f"'{service.name}' is made of the image {root}, and its machine also runs "
            hint = "give it a machine of its own (`platforms:` says which on bare metal)"
            case.here.complain_of_key(("services", service.name), message + ", ".join(beside), hint)


def _placeable(case: Case) -> None:
    """Let the platform look at all services; what nobody wrote cannot be wrong."""
    here = case.here
    unread = any(problem.path.startswith("platforms") for problem in here.reader.problems)
    look = getattr(platforms.load(here.platform), "problems", None)
    if case.broken or unread or look is None:
        return
    for complaint in look(case.services, here.options):
        if complaint.path in here.reader.marks:
            here.complain(complaint.path, complaint.message, complaint.hint)


def _asked(case: Case) -> None:
    """Checks are about services of the lab, and asked from its services and machines."""
    services = {*case.services, *case.broken}
    origins = {*services, *(service.machine for service in case.services.values())}
    checks.judge(case.here.spec.checks, case.here.reader, ("checks",), services, origins)
    parties = {site.party for site, _ in case.written if site.party}
    for spec in case.here.spec.checks:
        for party in sorted({*variables.parties([spec.ask, spec.expect])} - parties):
            message = f"no site is of the party '{party}'"
            case.here.complain(("checks", spec.number), message, nearest(party, parties))


def _exposed(case: Case) -> Iterator[ExposedPort]:
    """The exposed ports, each of a service that listens there, each of the host once."""
    taken: set[int] = set()
    for number, keys in case.here.spec.expose.items():
        path = ("expose", number)
        if keys.service in case.broken or not _listens(keys, path, case):
            continue
        host = keys.host or keys.port
        hint = "take another with `host:`"
        if host in FRONT_PORTS:
            message = f"port {host} of the host is the front's"
            case.here.complain((*path, "host"), message, hint)
        if host in taken:
            case.here.complain((*path, "host"), f"port {host} of the host is given twice", hint)
        else:
            yield ExposedPort(keys.service, keys.port, host)
        taken.add(host)


def _listens(keys: ExposeKeys, path: Path, case: Case) -> bool:
    service = case.services.get(keys.service)
    if service is None:
        hint = nearest(keys.service, case.services)
        case.here.complain((*path, "service"), f"there is no service '{keys.service}'", hint)
        return False
    ports = service.expansion.ports
    if keys.port in ports.values():
        return True
    listed = ", ".join(f"{port} ({name})" for name, port in ports.items())
    message = f"'{keys.service}' does not listen on {keys.port}"
    case.here.complain((*path, "port"), message, f"it listens on {listed or 'no port'}")
    return False
