"""A web proxy: by it alone a company's people reach the web outside (Squid)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labctl.kinds import Scope
from labctl.model import (
    Daemon,
    Expansion,
    File,
    Flow,
    Kept,
    Lab,
    Limits,
    Probe,
    Service,
    Template,
    Tier,
)

BROUGHT = True
TIER: Tier = "public"
PORT = 3128
CONFIG = "/etc/squid/squid.conf"
WEB = (80, 443)


@dataclass(frozen=True, slots=True)
class Options:
    """A proxy has no options."""


def expand(service: Service, scope: Scope) -> Expansion:
    """Squid as its own user, without a cache on disk."""
    return Expansion(
        packages=frozenset({"squid"}),
        daemons=(_DAEMON,),
        ports={"proxy": PORT},
        flows=tuple(Flow("", port, f"{service.name} fetches pages for the LAN") for port in WEB),
        limits=Limits(memory=128 * 2**20, processes=32),
    )


_DAEMON = Daemon(
    name="squid",
    run=("squid", "-N", "-d", "1", "-f", CONFIG),
    user="proxy",
    # what Squid opens as its own user is the machine's log, which root has opened
    prepare=(("chmod", "o+w", "/dev/stdout"),),
    test=("squid", "-k", "parse", "-f", CONFIG),
    reload=("s6-svc", "-h", "/run/service/squid"),
    watches=(CONFIG,),
    # this machine itself is refused, which is an answer
    ready=Probe(PORT, r"^HTTP/1\.[01] 403 ", b"GET http://ready.invalid/ HTTP/1.0\r\n\r\n"),
)


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """squid.conf, complete: Debian's, with its many comments, is replaced."""
    own = lab.machine_of(service.name)
    context = {
        "clients": [network.subnet for network in lab.inside if network.name not in own.addresses],
        "port": PORT,
        "web": WEB,
        "host": own.host_name,
    }
    yield File(CONFIG, Template("proxy/squid.conf.j2", context), source=service.source)
