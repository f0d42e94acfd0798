"""The nginx of a machine: its daemon, its main configuration, its local virtual hosts.

The front is one, and so is the machine of every service that nginx answers (static, cgi), unless
the lab file says ``server: apache`` (``labctl.apache``).
"""

from __future__ import annotations

from collections.abc import Iterable

from labctl.model import Daemon, File, Lab, Machine, Probe, Server, Service, Template

PACKAGES = frozenset({"nginx"})
CAPABILITIES = frozenset({"SETUID", "SETGID", "KILL"})
TEMPORARY = ("body", "proxy", "fastcgi", "uwsgi", "scgi")
RELOAD = "/usr/lib/labctl/reload-nginx"
DAEMON = Daemon(
    name="nginx",
    run=("nginx", "-e", "/dev/stderr", "-g", "daemon off;"),
    prepare=(
        ("install", "-d", "-m", "1777", "/run/nginx"),
        ("s6-setuidgid", "www-data", "mkdir", "-p", *(f"/run/nginx/{t}" for t in TEMPORARY)),
    ),
    test=("nginx", "-t", "-q", "-e", "/dev/stderr"),
    reload=(RELOAD, "nginx"),
    watches=("/etc/nginx/", "/etc/ssl/"),
    ready=Probe(80, r"^HTTP/1\.1 ", b"GET / HTTP/1.1\r\nHost: ready.invalid\r\n\r\n"),
)


def local_services(machine: Machine, lab: Lab, server: Server = "nginx") -> tuple[Service, ...]:
    """The machine's services that its own web server answers."""
    routes = {name: lab.services[name].expansion.route for name in machine.services}
    return tuple(
        lab.services[name]
        for name, route in routes.items()
        if route and route.locations and route.server == server
    )


def is_front(machine: Machine, lab: Lab) -> bool:
    """Whether the front is placed on this machine."""
    return any(lab.services[name].kind == "front" for name in machine.services)


def outer_front(machine: Machine, lab: Lab) -> bool:
    """Whether the front is placed on this machine that strangers find at the host's ports."""
    return any(lab.services[name].expansion.published for name in machine.services)


def https_port(machine: Machine, lab: Lab) -> int:
    """The port of the host that leads to HTTPS of a front's machine."""
    ports = (port.host for port in machine.ports if port.container == 443)
    return next(ports, lab.publishing.https)


def reached_from(service: Service, lab: Lab) -> tuple[list[str], list[str]]:
    """The names of a service's sites, and the addresses of the fronts that ask it for them."""
    sites = lab.sites_by_service.get(service.name, ())
    fronts = [s.front for s in sites] or [s.name for s in lab.of_kind("front")[:1]]
    names = [name for site in sites for name in site.names]
    return names, sorted({lab.address_of(front) for front in fronts})


def has_nginx(machine: Machine) -> bool:
    """Whether the machine runs an nginx of labctl's."""
    return any(daemon.name == DAEMON.name for daemon in machine.daemons)


def files(machine: Machine, lab: Lab) -> Iterable[File]:
    """The main configuration, and a virtual host a local service where this is no front.

    The first service is the default server: a front talks to it by name, and whoever talks
    to the machine by address sees what it serves.
    """
    if not has_nginx(machine):
        return
    front = is_front(machine, lab)
    yield File(
        "/etc/nginx/nginx.conf",
        Template(
            "nginx/nginx.conf.j2",
            {
                "front": front,
                "small": lab.seat is not None,
                "names": sum(len(site.names) for site in lab.sites),
                "temporary": TEMPORARY,
                "localhosts": lab.localhosts,
                "https_port": https_port(machine, lab),
            },
        ),
        source="labctl",
    )
    if not front:
        for number, service in enumerate(local_services(machine, lab)):
            yield _local(service, lab, default=number == 0)


def _local(service: Service, lab: Lab, default: bool) -> File:
    """The virtual host of a service that its machine's nginx answers for the fronts."""
    assert service.expansion.route is not None
    names, fronts = reached_from(service, lab)
    context = {
        "service": service,
        "names": names,
        "locations": service.expansion.route.locations,
        "default": default,
        "fronts": fronts,
    }
    path = f"/etc/nginx/sites-enabled/{service.name}.conf"
    return File(path, Template("nginx/local.conf.j2", context), source=service.source)
