"""The Apache of a machine: its daemon, its main configuration, its local virtual hosts.

Where a lab file says ``server: apache`` it stands in for nginx (``labctl.webserver``): as a front,
and on the machine of files that it sends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labctl import on_demand, webserver
from labctl.model import Daemon, File, Lab, Machine, Probe, Server, Service, Site, Template

PACKAGES = frozenset({"apache2"})
# Debian's own first site is enabled by its package: here is something else in its place
DEFAULT = "/etc/apache2/sites-enabled/000-default.conf"
CAPABILITIES = frozenset({"SETUID", "SETGID", "KILL"})
_MODULES = ("mpm_event", "authz_core", "alias", "dir", "headers", "mime", "remoteip", "reqtimeout")
_OF_FRONTS = (
    "deflate",
    "filter",
    "http2",
    "proxy",
    "proxy_http",
    "rewrite",
    "socache_shmcb",
    "ssl",
)
_OF_REPLICAS = ("lbmethod_byrequests", "proxy_balancer", "slotmem_shm")
_MAKE = ("mkdir", "-p", "/run/apache2/socks", "/run/lock/apache2")
DAEMON = Daemon(
    name="apache2",
    run=("apache2", "-D", "FOREGROUND"),
    # apachectl would make these directories for www-data, which takes a capability
    prepare=(
        ("install", "-d", "-m", "1777", "/run/apache2", "/run/lock"),
        ("s6-setuidgid", "www-data", *_MAKE),
    ),
    test=("apachectl", "configtest"),
    reload=("s6-svc", "-1", "/run/service/apache2"),  # SIGUSR1: graceful, no request is dropped
    watches=("/etc/apache2/", "/etc/ssl/"),
    ready=Probe(80, r"^HTTP/1\.[01] ", b"GET / HTTP/1.1\r\nHost: ready.invalid\r\n\r\n"),
)

SERVERS: Mapping[Server, Daemon] = {"nginx": webserver.DAEMON, "apache": DAEMON}


def files(machine: Machine, lab: Lab) -> Iterable[File]:
    """The main configuration, where it listens, and its local virtual hosts if it is no front."""
    if not any(daemon.name == DAEMON.name for daemon in machine.daemons):
        return
    sites = _sites(machine, lab)
    yield File(
        "/etc/apache2/apache2.conf",
        Template(
            "apache/apache2.conf.j2",
            {
                "front": webserver.is_front(machine, lab),
                "small": lab.seat is not None,
                "host_name": machine.host_name,
                "modules": tuple(_modules(machine, lab)),
            },
        ),
        source="labctl",
    )
    ports = sorted({80, *(port for site in sites for port in (site.plain, site.secure) if port)})
    yield File("/etc/apache2/ports.conf", Template("apache/ports.conf.j2", {"ports": ports}))
    if not webserver.is_front(machine, lab):
        yield File(
            DEFAULT, b"# Debian's default site is not wanted: the first one is a service's.\n"
        )
        for service in webserver.local_services(machine, lab, "apache"):
            yield _local(service, lab)


def _sites(machine: Machine, lab: Lab) -> tuple[Site, ...]:
    """The sites of the front that is placed on a machine."""
    return tuple(site for site in lab.sites if site.front in machine.services)


def _modules(machine: Machine, lab: Lab) -> Iterable[str]:
    """What is loaded, and nothing else."""
    yield from _MODULES
    if webserver.is_front(machine, lab):
        yield from _OF_FRONTS
    behind = {site.service for site in _sites(machine, lab)}
    if any(len(lab.replicas_of(name)) > 1 or _sleeps(name, lab) for name in behind):
        yield from _OF_REPLICAS


def _sleeps(service: str, lab: Lab) -> bool:
    """Whether a service has a waker beside it, to which the front may have to turn."""
    return on_demand.daemon_of(lab.services[service], lab) is not None


def _local(service: Service, lab: Lab) -> File:
    """The virtual host of a service that its machine's Apache answers for the fronts."""
    assert service.expansion.route is not None
    names, fronts = webserver.reached_from(service, lab)
    context = {
        "service": service,
        "names": names,
        "secure": any(site.secure for site in lab.sites_by_service.get(service.name, ())),
        "locations": service.expansion.route.locations,
        "fronts": fronts,
    }
    path = f"/etc/apache2/sites-enabled/{service.name}.conf"
    return File(path, Template("apache/local.conf.j2", context), source=service.source)
