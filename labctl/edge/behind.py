"""A placed lab behind the edge: found by unix sockets instead of ports of the host. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from labctl import doors, ssh, webserver
from labctl.errors import LabctlError
from labctl.model import Daemon, Lab, Machine, Mount, Port

_STALE = ("rm", "-f", doors.HTTP, doors.HTTPS)


def behind(lab: Lab, door: str) -> Lab:
    """The lab with its fronts and SSH servers at ``door``, a directory of the host.

    Its fronts publish nothing any more; what the lab file exposes is published as before.
    """
    _refuse_other_servers(lab)
    machines = {name: _at_door(machine, lab, door) for name, machine in lab.machines.items()}
    return replace(lab, machines=machines, door=door)


def _refuse_other_servers(lab: Lab) -> None:
    """LabctlError where the front cannot listen on unix sockets: Apache has none (mpm_common)."""
    for front in lab.of_kind("front"):
        if front.expansion.published and front.options.server != "nginx":
            raise LabctlError(
                f"{lab.name} cannot be behind the edge: Apache does not listen on unix sockets",
                "make its first front an nginx, with Apache as another front beside it",
                status=2,
            )


def _at_door(machine: Machine, lab: Lab, door: str) -> Machine:
    has_front = webserver.outer_front(machine, lab)
    has_ssh = ssh.is_server(machine)
    machine = replace(machine, ports=tuple(_exposed(machine, lab)))
    if not has_front and not has_ssh:
        return machine
    ssh_door = (ssh.door_daemon(machine.name),) if has_ssh else ()
    daemons = tuple(_without_stale(one) for one in machine.daemons) if has_front else None
    return replace(
        machine,
        mounts=(*machine.mounts, Mount(door, doors.INSIDE, writable=True)),
        daemons=(*(daemons or machine.daemons), *ssh_door),
        wants=(*machine.wants, *((ssh.BASTION_KEY,) if has_ssh else ())),
    )


def _exposed(machine: Machine, lab: Lab) -> Iterable[Port]:
    """The machine's published ports without those of the fronts."""
    fronts = {(lab.publishing.http, 80), (lab.publishing.https, 443)}
    return (port for port in machine.ports if (port.host, port.container) not in fronts)


def _without_stale(daemon: Daemon) -> Daemon:
    """nginx, which does not start where a socket is left of one that was killed."""
    if daemon.name != webserver.DAEMON.name:
        return daemon
    return replace(daemon, prepare=(*daemon.prepare, _STALE))
