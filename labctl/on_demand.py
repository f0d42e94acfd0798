"""Applications that are started by the first request, and stopped when nobody asks. Pure.

An application that sleeps has no process. Its front finds nobody at its port and turns to the
waker, a unix socket of the same machine: ``machine/bin/wake`` starts the application and hands
the connection on to it. ``machine/bin/doze`` stops it once nobody has been connected for a while.

Only a server that shares the front's machine sleeps: nobody else reaches the waker. Elsewhere
(a server of its own on a VPS) applications are always on.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from labctl import kinds
from labctl.model import Daemon, Lab, Machine, Service

SOCKETS = "/run/wake"
WAKE = "/usr/lib/labctl/wake"
DOZE = "/usr/lib/labctl/doze"
PACKAGES = frozenset({"ucspi-tcp"})  # tcpclient, by which the waker reaches the application
AT_ONCE = 64  # connections of one waker; more wait


def asleep(lab: Lab) -> Lab:
    """A placed lab whose applications sleep until somebody asks for them."""
    found = {d.name: d for service in lab.services.values() for d in _sleepers(service, lab)}
    machines = {name: _with_wakers(machine, found) for name, machine in lab.machines.items()}
    return replace(lab, machines=machines)


def daemon_of(service: Service, lab: Lab) -> Daemon | None:
    """The daemon of a service that sleeps; None where none does."""
    names = {daemon.name for daemon in service.expansion.daemons}
    daemons = lab.machine_of(service.name).daemons
    return next((d for d in daemons if d.on_demand and d.name in names), None)


def socket(daemon: Daemon) -> str:
    """Where a daemon's waker listens."""
    return f"{SOCKETS}/{daemon.name}.sock"


def beside(daemon: Daemon) -> Iterable[str]:
    """The line of a daemon's script by which it is stopped when nobody is connected any more."""
    if daemon.on_demand and daemon.ready:
        yield f"({shlex.join((DOZE, daemon.name, str(daemon.ready.address)))} &)"


def _sleepers(service: Service, lab: Lab) -> Iterator[Daemon]:
    """The daemon that answers a service by itself, where every front of it is beside it."""
    route = service.expansion.route
    sites = lab.sites_by_service.get(service.name, ())
    fronts = {lab.services[site.front].machine for site in sites}
    if route is None or route.locations is not None or fronts != {service.machine}:
        return
    for daemon in service.expansion.daemons:
        if daemon.ready and daemon.ready.address == route.port:
            yield kinds.on_demand(service.kind, daemon)


def _with_wakers(machine: Machine, sleepers: Mapping[str, Daemon]) -> Machine:
    """A machine on which these daemons, by name, are on demand, each with its waker."""
    daemons = tuple(sleepers.get(daemon.name, daemon) for daemon in machine.daemons)
    wakers = tuple(_waker(daemon) for daemon in daemons if daemon.on_demand)
    packages = machine.packages | PACKAGES if wakers else machine.packages
    return replace(machine, daemons=(*daemons, *wakers), packages=packages)


def _waker(daemon: Daemon) -> Daemon:
    """What listens in place of a daemon that sleeps. Asking it would wake the daemon."""
    assert daemon.ready is not None
    serve = ("s6-ipcserver", "-a", "0666", "-c", str(AT_ONCE), socket(daemon))
    return Daemon(
        name=f"wake-{daemon.name}",
        run=(*serve, WAKE, daemon.name, str(daemon.ready.address)),
        prepare=(("mkdir", "-p", SOCKETS),),
    )
