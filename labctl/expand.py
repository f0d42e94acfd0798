"""From the specification to services and sites: every kind says what its services need.

What no single field can know is found here: names used twice, sites without service, ports
that nobody listens on. All of it is reported at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NoReturn

from labctl import kinds, platforms, ssh
from labctl.dns.zones import NAME_SERVER
from labctl.errors import LabctlError
from labctl.kinds import Scope
from labctl.model import HOSTS, AddressOf, ExposedPort, PlatformName, Service, Site
from labctl.platforms.book import Book
from labctl.spec.keys import DutyKeys
from labctl.spec.lab import ServiceSpec, SiteSpec, Spec, limits_of
from labctl.spec.problems import InvalidLab, Mark, nearest, shown
from labctl.spec.reader import Path, Reader


@dataclass(frozen=True, slots=True)
class Expanded:
    """A lab whose services are expanded but not placed yet.

    ``book`` is what was ordered beside the lab file, where the platform has a provider.
    """

    name: str
    title: str
    domain: str
    services: Mapping[str, Service]
    sites: tuple[Site, ...]
    expose: tuple[ExposedPort, ...]
    contents: Mapping[str, Mapping[str, bytes]]
    subnets: Mapping[str, str]
    folder: str
    platform: PlatformName
    options: Any
    duties: Mapping[str, DutyKeys] = field(default_factory=dict)
    book: Book = field(default_factory=Book)


def expand(spec: Spec, reader: Reader, platform: PlatformName | None = None) -> Expanded:
    """Expand all services of a lab for a platform; InvalidLab with every problem found.

    LabctlError where the lab refuses the platform.
    """
    platform = platform or spec.platform
    options = spec.on(platform)
    if options.refused:
        _refuse(spec, reader, platform)
    if not platforms.load(platform).INSIDE:
        spec = without_inside(spec)
    spec, brought = _with_brought(spec, reader, platform)
    expander = _Expander(spec, reader, platform, brought)
    services, sites = expander.services(), expander.sites
    expander.judge(services)
    exposed = expander.exposed(services)
    if reader.problems:
        raise InvalidLab(reader.problems, reader.document.lines)
    return Expanded(
        name=spec.name,
        title=spec.title,
        domain=spec.domain,
        services=services,
        sites=sites,
        expose=exposed,
        contents={name: service.content for name, service in spec.services.items()},
        subnets=_subnets(spec, options),
        folder=str(spec.folder),
        platform=platform,
        options=options,
        duties=spec.duties,
    )


def _refuse(spec: Spec, reader: Reader, platform: PlatformName) -> NoReturn:
    """Say why a lab is not deployed on a platform, and where it can be."""
    others = [name for name in platforms.NAMES if not spec.on(name).refused]
    if platform == spec.platform:
        path = ("platforms", platform, "refused")
        hint = f"`platform: {others[0]}` makes another the default" if others else ""
        message = f"the lab refuses {platform}, where it goes by default"
        reader.complain(reader.at(path), path, message, hint)
        raise InvalidLab(reader.problems, reader.document.lines)
    raise LabctlError(
        f"{spec.name} is not for {platform}: {spec.on(platform).refused}",
        f"`labctl up {spec.name} --on {' or '.join(others)}`",
        status=2,
    )


def without_inside(spec: Spec) -> Spec:
    """The lab as it is where there is no inside: without sites for a company's own people.

    A service that answers only such sites is not there either.
    """
    hidden = [site for site in spec.sites if site.inside]
    shown_too = {site.service for site in spec.sites if not site.inside}
    gone = {site.service for site in hidden} - shown_too
    return replace(
        spec,
        sites=tuple(site for site in spec.sites if not site.inside),
        services={name: s for name, s in spec.services.items() if name not in gone},
    )


def _with_brought(
    spec: Spec, reader: Reader, platform: PlatformName
) -> tuple[Spec, frozenset[str]]:
    """The lab with what its platform brings, and the names of that."""
    brings = getattr(platforms.load(platform), "brings", _nothing)
    brought = {one.name: one for one in brings(spec)}
    for name in brought.keys() & spec.services.keys():
        path = ("services", name)
        message = f"the name '{name}' is taken by what {platform} brings: its {brought[name].kind}"
        reader.complain(reader.at_key(path), path, message, "give this service another name")
    services = {**spec.services, **{n: s for n, s in brought.items() if n not in spec.services}}
    return replace(spec, services=services), frozenset(brought)


class _Expander:
    def __init__(
        self, spec: Spec, reader: Reader, platform: PlatformName, brought: frozenset[str]
    ) -> None:
        self.spec = spec
        self.brought = brought
        self.platform = platform
        self.machines = _machines(spec, platform)
        self.ports = _free_ports(spec, self.machines)
        self.reader = reader
        self.broken = set(spec.broken)
        self.sites = tuple(self.site(site) for site in spec.sites)

    def complain(self, path: Path, message: str, hint: str = "") -> None:
        self.reader.complain(self.reader.at(path), path, message, hint)

    def complain_of_key(self, path: Path, message: str, hint: str = "") -> None:
        self.reader.complain(self.reader.at_key(path), path, message, hint)

    def site(self, site: SiteSpec) -> Site:
        relative = [
            self.relative(name, site.key, place)
            for name, place in zip(site.names, self.places(site), strict=True)
        ]
        below = [(self.spec.domain, n) for n in relative]
        below += [(f"{self.spec.name}.localhost", n) for n in relative]
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
            front=self.front(site.inside),
        )

    def front(self, inside: bool) -> str:
        """The front that owns a site: for one that is inside the platform brings another."""
        fronts = [name for name, one in self.spec.services.items() if one.kind == "front"]
        fitting = [name for name in fronts if (name in self.brought) == inside]
        return (*fitting, *fronts, "front")[0]

    def places(self, site: SiteSpec) -> list[Mark]:
        """Where each name of a site stands in the lab file."""
        paths = [("sites", site.key, "names", n) for n in range(len(site.names) - 1)]
        return [self.reader.at_key(("sites", site.key)), *map(self.reader.at, paths)]

    def relative(self, name: str, site: str, place: Mark) -> str:
        """A host name relative to the domain; several labels must be given in full."""
        domain = self.spec.domain
        relative = "@" if name == domain else name.removesuffix(f".{domain}")
        reason = hint = ""
        if name == relative and "." in name:
            reason = f"'{shown(name)}' is outside the lab's domain {domain}"
            hint = f"give one label, relative to the domain, or a name that ends in .{domain}"
        elif f".{relative}".endswith(f".{HOSTS}"):
            reason = f"{HOSTS}.{domain} is where the lab's machines have their names"
            hint = "take another name"
        if reason:
            self.reader.complain(place, ("sites", site), reason, hint)
        return relative

    def services(self) -> dict[str, Service]:
        names = {service.name: service.kind for service in self.spec.services.values()}
        by_service: dict[str, list[Site]] = {}
        for site in self.sites:
            by_service.setdefault(site.service, []).append(site)
        found = {}
        scopes = {}
        for spec in self.spec.services.values():
            scope = scopes[spec.name] = Scope(
                lab=self.spec.name,
                domain=self.spec.domain,
                sites=tuple(by_service.get(spec.name, ())),
                all_sites=self.sites,
                services=names,
                content=spec.content,
                beside_front=self.beside_front(spec.name),
                port=self.ports[spec.name],
            )
            found[spec.name] = self.service(spec, scope)
        if not self.reader.problems:
            self.joint_problems(found, scopes)
        return found

    def beside_front(self, service: str) -> bool:
        """Whether a service runs on the machine of every front that talks to it."""
        fronts = {site.front for site in self.sites if site.service == service}
        fronts = fronts or {self.front(inside=False)}
        machines = {self.machines[front] for front in fronts & self.machines.keys()}
        return machines == {self.machines[service]}

    def joint_problems(self, services: Mapping[str, Service], scopes: Mapping[str, Scope]) -> None:
        """Let the kinds look at all services together."""
        for service in services.values():
            judge = getattr(kinds.load(service.kind), "joint_problems", _none)
            for complaint in judge(service, services, scopes[service.name]):
                path = ("services", service.name, *complaint.path)
                self.complain(path, complaint.message, complaint.hint)

    def service(self, spec: ServiceSpec, scope: Scope) -> Service:
        kind = kinds.load(spec.kind)
        machine = self.machines[spec.name]
        service = Service(spec.name, spec.kind, machine, spec.options, source=spec.source)
        complaints = tuple(getattr(kind, "problems", _none)(spec.options, scope))
        for complaint in complaints:
            self.complain(
                ("services", spec.name, *complaint.path), complaint.message, complaint.hint
            )
        if complaints:
            self.broken.add(spec.name)
            return service
        expansion = kind.expand(service, scope)
        if "disk" in spec.limits and not expansion.volumes:
            path = ("services", spec.name, "disk")
            self.complain(path, f"a {spec.kind} service has no data that a disk would hold")
        return replace(
            service, expansion=replace(expansion, limits=limits_of(spec, expansion.limits))
        )

    def judge(self, services: Mapping[str, Service]) -> None:
        """Find what concerns several services or sites."""
        answering = [s.name for s in services.values() if s.expansion.route]
        for site, spec in zip(self.sites, self.spec.sites, strict=True):
            path = ("sites", spec.key, "service")
            if site.service in self.broken:
                continue
            if site.service not in services:
                self.complain(
                    path, f"there is no service '{site.service}'", nearest(site.service, answering)
                )
            elif site.service not in answering:
                kind = services[site.service].kind
                self.complain(
                    path,
                    f"'{site.service}' is a {kind} service and answers no HTTP",
                    nearest("", answering),
                )
        self.replicas_alone(services)
        self.names_used_once(services)
        self.ports_used_once(services)
        self.one_kind_each(services)
        self.placeable(services)

    def placeable(self, services: Mapping[str, Service]) -> None:
        """Let the platform look at all services; what nobody wrote cannot be wrong."""
        judge = getattr(platforms.load(self.platform), "problems", _none)
        unread = any(problem.path.startswith("platforms") for problem in self.reader.problems)
        if self.broken or unread:
            return
        for complaint in judge(services, self.spec.on(self.platform)):
            if complaint.path in self.reader.marks:
                self.complain(complaint.path, complaint.message, complaint.hint)

    def replicas_alone(self, services: Mapping[str, Service]) -> None:
        """A machine is copied with all that it runs: that must be the replicated service alone."""
        taken = {service.machine for service in services.values()}
        for site, spec in zip(self.sites, self.spec.sites, strict=True):
            service = services.get(site.service)
            if site.replicas == 1 or service is None:
                continue
            path = ("sites", spec.key, "replicas")
            beside = [s.name for s in services.values() if s.machine == service.machine]
            copies = {f"{service.machine}-{n}" for n in range(2, site.replicas + 1)}
            if self.platform == "vps" and len(beside) > 1:
                others = ", ".join(name for name in beside if name != service.name)
                message = f"the machine of '{service.name}' also runs {others}"
                self.complain(path, message, "give the service a machine of its own")
            for name in sorted(copies & taken):
                message = f"a replica would be called '{name}', which is another machine"
                self.complain(path, message, "give that machine another name")

    def names_used_once(self, services: Mapping[str, Service]) -> None:
        owners = {f"{NAME_SERVER}.{self.spec.domain}": "the lab's name server"}
        for service in services.values():
            for record in service.expansion.records:
                if record.type == "A" and isinstance(record.value, AddressOf):
                    name = f"{record.name}.{self.spec.domain}"
                    path = ("services", service.name)
                    self.claim(owners, name, path, self.reader.at_key(path), "service")
        for site, spec in zip(self.sites, self.spec.sites, strict=True):
            places = self.places(spec)
            for name, place in zip(site.names, places, strict=False):
                self.claim(owners, name, ("sites", spec.key), place, "site")

    def claim(self, owners: dict[str, str], name: str, path: Path, place: Mark, what: str) -> None:
        """Note whose a host name is; complain where it is somebody's already."""
        if name in owners:
            message = f"{name} already belongs to {owners[name]}"
            self.reader.complain(place, path, message, "every host name has one owner")
        owners.setdefault(name, f"{what} '{path[-1]}'")

    def ports_used_once(self, services: Mapping[str, Service]) -> None:
        """Services of one machine need ports of their own; nginx shares its one among sites."""
        owners: dict[tuple[str, int], Service] = {}
        for service in services.values():
            for port in set(service.expansion.ports.values()):
                if port == ssh.PORT:
                    message = f"port {port} of the machine '{service.machine}' is for logging in"
                    self.complain_of_key(("services", service.name), message, "take another port")
                first = owners.setdefault((service.machine, port), service)
                if first is service or (_by_nginx(first) and _by_nginx(service)):
                    continue
                self.complain_of_key(
                    ("services", service.name),
                    f"'{service.name}' and '{first.name}' both listen on port {port} "
                    f"of the machine '{service.machine}'",
                    "give one of them another port or another machine",
                )

    def one_kind_each(self, services: Mapping[str, Service]) -> None:
        for kind in kinds.implied():
            same = [s for s in services.values() if s.kind == kind and s.name not in self.brought]
            for extra in same[1:]:
                self.complain_of_key(
                    ("services", extra.name),
                    f"a second {kind}; a lab has one",
                    f"'{same[0].name}' is the first",
                )
            if not same:
                self.complain_of_key(
                    ("services", kind),
                    f"the name '{kind}' is taken by the lab's own {kind}",
                    "give this service another name",
                )

    def exposed(self, services: Mapping[str, Service]) -> tuple[ExposedPort, ...]:
        found: dict[int, ExposedPort] = {}
        for number, keys in self.spec.expose.items():
            path = ("expose", number)
            service = services.get(keys.service)
            if keys.service in self.broken:
                continue
            if service is None:
                self.complain(
                    (*path, "service"),
                    f"there is no service '{keys.service}'",
                    nearest(keys.service, services),
                )
                continue
            ports = service.expansion.ports
            if keys.port not in ports.values():
                listed = ", ".join(f"{port} ({name})" for name, port in ports.items())
                self.complain(
                    (*path, "port"),
                    f"'{keys.service}' does not listen on {keys.port}",
                    f"it listens on {listed or 'no port'}",
                )
                continue
            exposed = ExposedPort(keys.service, keys.port, keys.host or keys.port)
            if exposed.host in (80, 443):
                self.complain(
                    (*path, "host"),
                    f"port {exposed.host} of the host is the front's",
                    "take another with `host:`",
                )
            if exposed.host in found:
                self.complain(
                    (*path, "host"),
                    f"port {exposed.host} of the host is given twice",
                    "take another with `host:`",
                )
            found[exposed.host] = exposed
        return tuple(found.values())


def _subnets(spec: Spec, options: Any) -> Mapping[str, str]:
    """The subnets that the lab file says, by segment."""
    said = {"internet": spec.subnet}
    said |= {segment: getattr(options, segment, "") for segment in ("dmz", "lan")}
    return {segment: subnet for segment, subnet in said.items() if subnet}


def _machines(spec: Spec, platform: PlatformName) -> Mapping[str, str]:
    """The machine of each service on a platform."""
    machine = platforms.load(platform).machine
    return {name: machine(one, spec.on(platform)) for name, one in spec.services.items()}


FIRST_PORT = 8000


def _free_ports(spec: Spec, machines: Mapping[str, str]) -> Mapping[str, int]:
    """A port for each service that asks for one by saying none: free on its machine."""
    chosen = {name: getattr(one.options, "port", None) for name, one in spec.services.items()}
    used = {(machines[name], port) for name, port in chosen.items() if port}
    found = {}
    for name, port in chosen.items():
        free = FIRST_PORT
        while port == 0 and (machines[name], free) in used:
            free += 1
        if port == 0:
            used.add((machines[name], free))
        found[name] = free
    return found


def _none(*_: object) -> Iterator[kinds.Complaint]:
    return iter(())


def _nothing(*_: object) -> Iterator[ServiceSpec]:
    return iter(())


def _by_nginx(service: Service) -> bool:
    """Whether its machine's nginx answers it: one nginx serves several of these."""
    route = service.expansion.route
    return service.kind == "front" or (route is not None and route.locations is not None)
