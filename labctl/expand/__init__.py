"""From the specification to services and sites: every kind says what its services need.

What no single field can know is found here: names used twice, sites without service, ports
that nobody listens on. All of it is reported at once.
"""

from __future__ import annotations

from labctl.expand.case import Case
from labctl.expand.judge import judge
from labctl.expand.services import services
from labctl.expand.setting import setting, subnets
from labctl.expand.sites import sites
from labctl.expanded import Expanded
from labctl.model import PlatformName
from labctl.spec.problems import InvalidLab
from labctl.spec.reader import Reader
from labctl.spec.specification import Spec


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
        subnets=subnets(here),
        folder=str(spec.folder),
        platform=here.platform,
        options=here.options,
        duties=spec.duties,
        seat=spec.seat,
        shared=spec.shared,
        offers=spec.offers,
        checks=spec.checks,
    )
