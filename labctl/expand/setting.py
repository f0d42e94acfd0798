"""The lab file as one platform sees it: which services there are, on which machine and port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from labctl import platforms
from labctl.errors import LabctlError
from labctl.model import PlatformName
from labctl.spec.problems import InvalidLab
from labctl.spec.reader import Path, Reader
from labctl.spec.specification import ServiceSpec, Spec

FIRST_PORT = 8000


@dataclass(frozen=True, slots=True)
class Setting:
    """A lab file, its reader, and what the platform makes of it before anything is expanded.

    ``machines`` and ``ports`` are by service; ``brought`` are the services that the platform
    has beside the lab's own.
    """

    spec: Spec
    reader: Reader
    platform: PlatformName
    brought: frozenset[str]
    machines: Mapping[str, str]
    ports: Mapping[str, int]

    @property
    def options(self) -> Any:
        """What the lab file says about the platform."""
        return self.spec.on(self.platform)

    @property
    def fronts(self) -> tuple[str, ...]:
        """The services that own ports 80 and 443 of their machine."""
        return tuple(name for name, one in self.spec.services.items() if one.kind == "front")

    def complain(self, path: Path, message: str, hint: str = "") -> None:
        """Note a problem at the value of ``path``."""
        self.reader.complain(self.reader.at(path), path, message, hint)

    def complain_of_key(self, path: Path, message: str, hint: str = "") -> None:
        """Note a problem at the key of ``path``."""
        self.reader.complain(self.reader.at_key(path), path, message, hint)


def setting(spec: Spec, reader: Reader, platform: PlatformName) -> Setting:
    """The lab on a platform. LabctlError, or InvalidLab, where the lab refuses it."""
    if spec.on(platform).refused:
        _refuse(spec, reader, platform)
    if not platforms.load(platform).INSIDE:
        spec = without_inside(spec)
    spec, brought = _with_brought(spec, reader, platform)
    machines = _machines(spec, platform)
    return Setting(spec, reader, platform, brought, machines, _free_ports(spec, machines))


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


def _machines(spec: Spec, platform: PlatformName) -> Mapping[str, str]:
    """The machine of each service on a platform."""
    machine = platforms.load(platform).machine
    return {name: machine(one, spec.on(platform)) for name, one in spec.services.items()}


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


def subnets(here: Setting) -> Mapping[str, str]:
    """The subnets that the lab file says, by segment: one that is no option of the platform's is
    the lab's own.
    """
    segments = platforms.load(here.platform).SEGMENTS
    said = {segment: getattr(here.options, segment, here.spec.subnet) for segment in segments}
    return {segment: subnet for segment, subnet in said.items() if subnet}


def _nothing(*_: object) -> Iterator[ServiceSpec]:
    return iter(())
