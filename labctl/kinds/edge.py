"""The edge: owns a host's ports 80 and 443 for many labs, and hands connections on.

HTTP goes by its ``Host``, TLS by its server name (RFC 6066 section 3) and undecrypted, each to a
unix socket in a lab's door. One that is not known is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from labctl.edge import DOORS, unprivileged
from labctl.edge.names import Known, ways
from labctl.kinds import Scope
from labctl.model import Daemon, Expansion, File, Kept, Lab, Limits, Probe, Service, Template, Tier
from labctl.webserver import RELOAD, TEMPORARY

BROUGHT = True
TIER: Tier = "outside"
CONFIG, LISTEN = "/etc/nginx/nginx.conf", "/etc/nginx/listen/"
DOORS_MAP, RATES_MAP = "/etc/nginx/doors.map", "/etc/nginx/rates.map"
_AS_DAEMON = "daemon off; pid /run/nginx/pid;"


@dataclass(frozen=True, slots=True)
class Options:
    """The names that are known, the addresses and ports to listen on, the bastion's socket."""

    known: Known = field(default_factory=Known)
    addresses: tuple[str, ...] = ("127.0.0.1",)
    http: int = 80
    https: int = 443
    ssh: int = 2222
    bastion: str = ""


def expand(service: Service, scope: Scope) -> Expansion:
    """One nginx without a privilege but its ports."""
    return of_options(service.options)


def of_options(options: Options) -> Expansion:
    """The same, without a lab around it."""
    return Expansion(
        packages=frozenset({"nginx", "libnginx-mod-stream", "iproute2"}),
        capabilities=frozenset({"NET_BIND_SERVICE"}),
        daemons=(_daemon(options.http),),
        ports={"http": options.http, "https": options.https, "ssh": options.ssh},
        tmpfs=("/etc/nginx:mode=755,size=8m",),
        limits=Limits(memory=512 * 2**20, cpus=2.0, processes=64),
    )


def _daemon(http: int) -> Daemon:
    question = b"GET / HTTP/1.1\r\nHost: ready.invalid\r\n\r\n"
    return Daemon(
        name="edge",
        run=(*unprivileged("www-data"), "nginx", *("-e", "/dev/stderr", "-g", _AS_DAEMON)),
        prepare=(
            # the log is the container's output, whose owner is root
            ("chmod", "o+w", "/dev/stdout"),
            ("install", "-d", "-m", "1777", "/run/nginx"),
            ("rm", "-f", "/run/nginx/refuse.sock"),
            ("s6-setuidgid", "www-data", "mkdir", "-p", *(f"/run/nginx/{t}" for t in TEMPORARY)),
        ),
        # as root, whom alone the output of a test belongs to
        test=("nginx", "-t", "-q", "-e", "/dev/stderr", "-g", "user www-data; pid /run/test.pid;"),
        reload=(RELOAD, "edge"),
        watches=("/etc/nginx/",),
        restarts=(LISTEN,),  # other ports: the old ones could be in the way of a reload
        ready=Probe(http, r"^HTTP/1\.1 421 ", question),
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The configuration, and beside it the names with their doors."""
    options: Options = service.options
    context = {"options": options, "doors": DOORS, "temporary": TEMPORARY}
    yield File(CONFIG, Template("edge/nginx.conf.j2", context))
    for name in ("http", "https", "ssh"):
        listen = {"options": options, "port": getattr(options, name)}
        yield File(f"{LISTEN}{name}.conf", Template("edge/listen.conf.j2", listen))
    found = {"ways": ways(options.known)}
    yield File(DOORS_MAP, Template("edge/doors.map.j2", found))
    yield File(RATES_MAP, Template("edge/rates.map.j2", found))
