"""From the specification to services and sites: every kind says what its services need.

What no single field can know is found here: names used twice, sites without service, ports
that nobody listens on. All of it is reported at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labctl.expand.judge import Case, judge
from labctl.expand.services import services
from labctl.expand.setting import setting, subnets
from labctl.expand.sites import sites
from labctl.model import ExposedPort, PlatformName, Service, Site
from labctl.platforms.book import Book
from labctl.spec.checks import CheckSpec
from labctl.spec.keys import DutyKeys
from labctl.spec.lab import Spec
from labctl.spec.problems import InvalidLab
from labctl.spec.reader import Reader


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
    checks: tuple[CheckSpec, ...] = ()
    book: Book = field(default_factory=Book)


def expand(spec: Spec, reader: Reader, platform: PlatformName | None = None) -> Expanded:
    """Expand all services of a lab for a platform; InvalidLab with every problem found.

    LabctlError where the lab refuses the platform.
    """
    here = setting(spec, reader, platform or spec.platform)
    all_sites = sites(here)
    found, broken = services(here, all_sites)
    exposed = judge(Case(here, found, all_sites, broken))
    if reader.problems:
        raise InvalidLab(reader.problems, reader.document.lines)
    return Expanded(
        name=spec.name,
        title=spec.title,
        domain=spec.domain,
        services=found,
        sites=all_sites,
        expose=exposed,
        contents={name: service.content for name, service in here.spec.services.items()},
        subnets=subnets(spec, here.options),
        folder=str(spec.folder),
        platform=here.platform,
        options=here.options,
        duties=spec.duties,
        checks=spec.checks,
    )
