"""Limits made true: before machines start, when they have started, and while they run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from labctl.amounts import size
from labctl.engines import api, bandwidth, disks, limits, seeds
from labctl.engines.disks import Disk
from labctl.engines.dockerfile import own_recipe, reference
from labctl.engines.limits import Note, Notes, read_notes
from labctl.engines.seeds import Seed
from labctl.errors import LabctlError
from labctl.model import Limits, Machine, Volume
from labctl.parallel import each
from labctl.plan import Change, Desired, Observation, Plan, SeenMachine
from labctl.work.rendered import Rendered


def with_limits(seen: Observation, desired: Desired, session: Rendered) -> Observation:
    """The observation with the limits that hold, of those machines where they may be others.

    That is where the definition differs in limits alone, where labctl has changed limits since,
    and where some are labctl's own to keep.
    """
    notes = read_notes(session.state.directory)
    machines = dict(seen.machines)
    machines |= _alike(machines, desired, session)
    doubtful = [machine for machine in machines.values() if _doubtful(machine, desired, notes)]
    looked = each(lambda machine: _looked(machine, desired, notes), doubtful)
    return replace(seen, machines={**machines, **{one.name: one for one in looked}})


def _alike(
    machines: Mapping[str, SeenMachine], desired: Desired, session: Rendered
) -> dict[str, SeenMachine]:
    """The machines whose containers would be as wanted, had they been made with other limits.

    Compose says so: it gives the lab with those limits the very hash that they carry.
    """
    other = {
        machine.name: replace(wanted, limits=machine.made)
        for machine in machines.values()
        if (wanted := desired.lab.machines.get(machine.name)) and machine.made
        if machine.definition != desired.definitions.get(machine.name)
    }
    if not other:
        return {}
    hashes = session.definitions_of(other)
    alike = {name for name in other if machines[name].definition == hashes.get(name)}
    return {name: replace(machines[name], alike=True) for name in alike}


def _doubtful(machine: SeenMachine, desired: Desired, notes: Notes) -> bool:
    wanted = desired.lab.machines.get(machine.name)
    if wanted is None:
        return False
    own = wanted.limits.bandwidth or wanted.limits.disk
    return bool(own or machine.alike or notes.of(machine.name, machine.container))


def _looked(machine: SeenMachine, desired: Desired, notes: Notes) -> SeenMachine:
    found = limits.of(machine.container, notes.of(machine.name, machine.container))
    if not machine.running:  # the others are seen to when it starts
        wanted = desired.lab.machines[machine.name].limits
        found = replace(found, bandwidth=wanted.bandwidth, disk=wanted.disk)
    return replace(machine, limits=found)


def prepare(session: Rendered, plan: Plan) -> None:
    """What has to be there before anything starts; LabctlError where the host cannot give it."""
    machines = session.lab.machines
    starting = [machines[c.machine] for c in plan.of("create", "recreate", "start")]
    resized = [machines[c.machine] for c in plan.of("resize")]
    if any(machine.limits.bandwidth for machine in (*starting, *resized)):
        bandwidth.probe()
    if any(machine.limits.disk for machine in resized):
        disks.check(session.name, _volumes(resized))
        _none_shrinks(session, resized)
    if any(machine.limits.disk for machine in starting):
        disks.check(session.name, _volumes(starting))
        disks.attach(_disks(session.name, starting))


def _none_shrinks(session: Rendered, machines: Iterable[Machine]) -> None:
    """LabctlError where a disk would have to become smaller than what is on it might be."""
    notes = read_notes(session.state.directory).by_machine
    for machine in machines:
        has = notes[machine.name].disk if machine.name in notes else 0
        if has > machine.limits.disk:
            raise LabctlError(
                f"{machine.name} has a disk of {size(has)}, which cannot shrink",
                "say that size or a larger one; `labctl down` drops the disk with its data",
            )


def _volumes(machines: Iterable[Machine]) -> list[Volume]:
    """The volumes of some machines, each once: replicas share theirs."""
    return list({volume.name: volume for m in machines for volume in m.volumes}.values())


def _disks(lab: str, machines: Iterable[Machine]) -> list[Disk]:
    """The disks of some machines; a sealed one's begin with what its image has at their place."""
    found = {}
    for machine in machines:
        for volume in machine.volumes:
            seed = _seed(machine, volume) if machine.sealed else None
            found[volume.name] = Disk(lab, volume, seed)
    return list(found.values())


def _seed(machine: Machine, volume: Volume) -> Seed:
    image = machine.image or reference(machine.packages, own_recipe(), machine.extra)
    return Seed(seeds.identity(image), volume.path, volume.size)


def attach_alike(session: Rendered, labs: Iterable[str]) -> None:
    """Attach the disks of many labs at once whose machines are like those of ``session``.

    Their images must be there. Bringing each of them up then finds its disks.
    """
    mine = [m for m in session.lab.machines.values() if not m.visiting and m.limits.disk]
    disks.attach(replace(disk, lab=lab) for disk in _disks(session.name, mine) for lab in labs)


def started(session: Rendered, containers: Mapping[str, str]) -> None:
    """Set for machines that have just started (name → container) what a start does not bring."""
    notes = read_notes(session.state.directory)
    for name, container in containers.items():
        wanted = session.lab.machines[name].limits
        if wanted.bandwidth or wanted.disk or notes.of(name, container):
            _bound(name, container, wanted, notes)


def _bound(name: str, container: str, wanted: Limits, notes: Notes) -> None:
    start = api.inspected(container)["State"]["StartedAt"]
    before = notes.of(name, container)
    known = before is not None and before.started == start
    if wanted.bandwidth or (known and before is not None and before.bandwidth):
        bandwidth.bound(container, wanted.bandwidth)
    notes.write(name, Note(container, start, wanted.bandwidth, wanted.disk))


def resize(session: Rendered, change: Change, container: str) -> None:
    """Hold a container to the limits that its machine has now, switched off if that must be.

    LabctlError with the engine's words where it refuses.
    """
    machine = session.lab.machines[change.machine]
    notes = read_notes(session.state.directory)
    if notes.of(machine.name, container) is None:
        notes.write(machine.name, Note(container))
    limits.update(machine.name, container, machine.limits)
    if change.off:
        api.call("POST", f"/containers/{container}/stop")
        try:
            disks.attach(_disks(session.name, [machine]))
        finally:
            api.call("POST", f"/containers/{container}/start")
    if machine.limits.bandwidth or machine.limits.disk or _has_bandwidth(notes, machine.name):
        _bound(machine.name, container, machine.limits, notes)


def _has_bandwidth(notes: Notes, machine: str) -> bool:
    return bool(notes.by_machine[machine].bandwidth)


def noted(session: Rendered) -> bool:
    """Whether limits of a machine were changed after its container was made."""
    return bool(read_notes(session.state.directory).by_machine)
