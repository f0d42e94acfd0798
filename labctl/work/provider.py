"""The provider's side of virtual servers: what there is, and orders carried out by ``up``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from labctl import platforms
from labctl.engines import api, disks, limits
from labctl.engines.compose import Engine
from labctl.errors import LabctlError
from labctl.expanded import Expanded
from labctl.model import Lab, Machine, Volume
from labctl.parallel import each
from labctl.platforms.book import Book, Server, ordered, resized, without
from labctl.render.compose import LABEL, project
from labctl.spec.problems import nearest
from labctl.work import limiting, provider_snapshots
from labctl.work.bring import Warn, bring_up
from labctl.work.execute import Report, running, wait
from labctl.work.provider_book import change_book, read_book
from labctl.work.provider_snapshots import Snapshot
from labctl.work.session import Choices, Session


@dataclass(frozen=True, slots=True)
class Seen:
    """A server: what it may use and what it does use; 0 as a bound where there is none.

    ``memory`` and ``disk`` are bytes, ``bandwidth`` bits per second in each direction.
    """

    name: str
    address: str
    state: str
    services: tuple[str, ...]
    cpus: float
    memory_used: int
    memory: int
    processes_used: int
    processes: int
    disk_used: int
    disk: int
    bandwidth: int


def session_of(target: str) -> Session:
    """A lab whose servers a provider has; LabctlError where it is on another platform."""
    session = Session(target, dry=True, running=True)
    platform = session.expanded.platform
    if platform != "vps":
        raise LabctlError(
            f"{session.name} is on {platform}: only the servers of vps have a provider",
            f"`labctl up {target} --on vps` deploys it there",
            status=2,
        )
    return session


def machine_of(session: Session, name: str) -> Machine:
    """A server by name; LabctlError where there is none."""
    found = session.lab.machines.get(name)
    if found is None:
        hint = nearest(name, session.lab.machines)
        raise LabctlError(f"{session.name} has no server '{name}'", hint, status=2)
    return found


def servers(target: str) -> tuple[Seen, ...]:
    """All servers of a lab."""
    session = session_of(target)
    containers = {
        one["Labels"][f"{LABEL}.machine"]: one for one in Engine().containers(session.name)
    }
    return tuple(each(lambda m: _seen(m, containers.get(m.name)), session.lab.machines.values()))


def _seen(machine: Machine, container: Mapping[str, Any] | None) -> Seen:
    wanted = machine.limits
    state = str(container["State"]) if container else "missing"
    up = container is not None and state == "running"
    counters = limits.stats(container["Id"]) if container and up else {}
    return Seen(
        name=machine.name,
        address=machine.address,
        state=state,
        services=machine.services,
        cpus=wanted.cpus,
        memory_used=limits.memory_used(counters),
        memory=wanted.memory,
        processes_used=int((counters.get("pids_stats") or {}).get("current", 0)),
        processes=wanted.processes,
        disk_used=_disk_used(machine, container["Id"]) if container and up else 0,
        disk=wanted.disk,
        bandwidth=wanted.bandwidth,
    )


def _disk_used(machine: Machine, container: str) -> int:
    """Bytes in the data directories, which the disk's size bounds."""
    paths = [volume.path for volume in machine.volumes]
    if not paths:
        return 0
    done = api.exec_in(container, ["du", "--summarize", "--block-size=1", "--total", *paths])
    words = (done.output.splitlines() or ["0"])[-1].split()
    return int(words[0]) if words and words[0].isdecimal() else 0


def resize(target: str, name: str, sizes: Mapping[str, float], report: Report, warn: Warn) -> None:
    """Give a server other limits, while it runs; they stay until the lab file says others."""
    session = session_of(target)
    machine_of(session, name)
    as_written = replace(session.expanded, book=without(session.expanded.book, [name]))

    def order(book: Book) -> Book:
        if name in book.servers:
            server = book.servers[name]
            new = replace(server, limits=resized(server.limits, sizes))
            return replace(book, servers={**book.servers, name: new})
        return ordered(book, _placed(session, as_written).machines[name], sizes)

    _carried_out(session, order, report, warn)


def _placed(session: Session, expanded: Expanded) -> Lab:
    """An expanded lab on the networks that the session's lab has."""
    subnets = {network.name: network.subnet for network in session.lab.networks}
    return platforms.placed(expanded, subnets, session.settings.publishing)


def create(target: str, name: str, server: Server, report: Report, warn: Warn) -> Machine:
    """Make an empty server of that name; LabctlError where the lab has one."""
    session = session_of(target)
    if name in {*session.lab.machines, *session.lab.services}:
        raise LabctlError(f"{session.name} has a '{name}' already", "take another name", status=2)
    _carried_out(
        session,
        lambda book: replace(book, servers={**book.servers, name: server}),
        report,
        warn,
    )
    return session_of(target).lab.machines[name]


def destroy(target: str, name: str, report: Report, warn: Warn) -> None:
    """Remove a server that ``create`` made, its data and its snapshots."""
    session = session_of(target)
    machine = machine_of(session, name)
    if name not in session.expanded.book.servers:
        runs = ", ".join(machine.services)
        raise LabctlError(
            f"{name} is in the lab file (it runs {runs}), so it is not the provider's to destroy",
            f"take it out of {session.file} and run `labctl up {session.name}`",
            status=2,
        )
    _carried_out(session, lambda book: without(book, [name]), report, warn)
    provider_snapshots.forget(session.name, name)
    _drop_data(session.name, machine.volumes)


def _drop_data(lab: str, volumes: Iterable[Volume]) -> None:
    names = [volume.name for volume in volumes]
    for name in names:
        api.call("DELETE", f"/volumes/{project(lab)}_{name}?force=1")
    disks.drop(lab, names)


def _carried_out(
    session: Session, order: Callable[[Book], Book], report: Report, warn: Warn
) -> None:
    """Write an order down and carry it out; where that fails, it was never placed."""
    if not running(Engine(), session.name):
        raise LabctlError(f"{session.name} is not up", f"`labctl up {session.name}` brings it up")
    before = read_book(session.name)
    change_book(session.name, order)
    try:
        bring_up(session.name, Choices(), (), report, warn)
    except BaseException:
        change_book(session.name, lambda _: before)
        raise


def reboot(target: str, name: str, report: Report) -> None:
    """Start a server anew and wait until it answers."""
    session, engine = session_of(target), Engine()
    container = _running(session, name, engine)
    with session.state.locked():
        report(name, "rebooting")
        api.call("POST", f"/containers/{container}/restart")
        limiting.started(session, {name: container})
        wait({name: container}, engine, report, {name})


def _running(session: Session, name: str, engine: Engine) -> str:
    """The container of a server that runs."""
    container = running(engine, session.name).get(machine_of(session, name).name)
    if container is None:
        raise LabctlError(f"{name} does not run", f"`labctl up {session.name}` starts it")
    return container


def snapshot(target: str, name: str, as_name: str) -> Snapshot:
    """Keep a server's file system and data as they are now, under a name or the time."""
    session = session_of(target)
    container = _running(session, name, Engine())
    with session.state.locked():
        return provider_snapshots.take(session.name, session.lab.machines[name], container, as_name)


def snapshots(target: str, name: str) -> tuple[Snapshot, ...]:
    """A server's snapshots, the oldest first."""
    session = session_of(target)
    return provider_snapshots.snapshots(session.name, machine_of(session, name).name)


def delete_snapshot(target: str, name: str, snapshot_name: str) -> None:
    """Remove a snapshot."""
    session = session_of(target)
    provider_snapshots.delete(session.name, machine_of(session, name).name, snapshot_name)


def restore(target: str, name: str, as_name: str, report: Report, warn: Warn) -> Snapshot:
    """Make a server what it was when a snapshot was taken: nothing later is left on it."""
    session = session_of(target)
    container = _running(session, name, Engine())
    with session.state.locked():
        report(name, "restoring")
        machine = session.lab.machines[name]
        taken = provider_snapshots.put_back(session.name, machine, container, as_name)
    bring_up(session.name, Choices(), (), report, warn)
    return taken
