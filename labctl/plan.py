"""The plan: what would change, and why. Pure: one desired state, one observation.

What ``labctl plan`` prints, what ``labctl up`` does and what ``--json`` says is this value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Literal

from labctl.amounts import amount
from labctl.model import Daemon, Lab, Limits
from labctl.render import DAEMONS
from labctl.render.tree import Tree, generation, manifest_lines

# (machine, path): files to put back although changed by hand; an empty machine means any
Reset = frozenset[tuple[str, str]]
Action = Literal["create", "recreate", "start", "resize", "update", "remove"]


@dataclass(frozen=True, slots=True)
class SeenMachine:
    """A machine as the engine and the machine itself tell it.

    ``manifest`` are the lines that were applied last, by path; ``drift`` the paths changed by
    hand since; ``ready`` what each daemon answered ("ok", or why not). ``trouble`` says why a
    running machine could not be looked at. ``made`` are the limits that its container was
    made with; ``alike`` says that those are all in which its definition differs from what is
    wanted, ``limits`` what the engine holds it to now, None where nobody asked.
    """

    name: str
    container: str
    running: bool
    definition: str
    generation: str = ""
    manifest: Mapping[str, str] = field(default_factory=dict)
    drift: frozenset[str] = frozenset()
    ready: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    made: Limits | None = None
    alike: bool = False
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What there is of a lab: machines by name, its state directory, how it is deployed."""

    machines: Mapping[str, SeenMachine] = field(default_factory=dict)
    state: str = ""
    platform: str = ""


@dataclass(frozen=True, slots=True)
class Desired:
    """What there should be: the lab, its files, and each machine's definition hash."""

    lab: Lab
    tree: Tree
    definitions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """One step on a running machine.

    ``keep`` leaves a file as somebody changed it, and remembers from what: the lab has another
    version now.
    """

    verb: Literal["write", "remove", "keep", "test", "start", "stop", "reload", "restart"]
    target: str


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one machine, the reason, and for an update its steps.

    For a resize ``off`` says that the machine has to be switched off for it.
    """

    machine: str
    action: Action
    reason: str
    steps: tuple[Step, ...] = ()
    off: bool = False


@dataclass(frozen=True, slots=True)
class Drift:
    """A file that was changed by hand. ``conflict``: the lab has changed it as well."""

    machine: str
    path: str
    conflict: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes in the order of execution, and the files kept as somebody left them.

    ``replaces`` is the platform that the lab is up on and leaves.
    """

    lab: str
    changes: tuple[Change, ...] = ()
    drift: tuple[Drift, ...] = ()
    replaces: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing would be touched."""
        return not self.changes

    def of(self, *actions: Action) -> tuple[Change, ...]:
        """The changes with one of these actions."""
        return tuple(change for change in self.changes if change.action in actions)


def plan(desired: Desired, seen: Observation, reset: Reset = frozenset()) -> Plan:
    """Compare. ``reset`` are paths whose hand-made changes may be overwritten."""
    if seen.platform not in ("", desired.lab.platform):
        return _switch(desired, seen)
    changes: list[Change] = []
    drift: list[Drift] = []
    for name, wanted in desired.lab.machines.items():
        if wanted.visiting:  # whoever asks something brings it, and takes it away
            continue
        machine = seen.machines.get(name)
        change = _container(name, machine, desired)
        if change is None and machine is not None:
            drift += _drift(machine, desired, reset)
            changes += _resize(machine, desired)
            change = _update(machine, desired, reset)
        if change is not None:
            changes.append(change)
    changes += [
        Change(name, "remove", "the lab file no longer has it")
        for name in seen.machines
        if name not in desired.lab.machines
    ]
    return Plan(desired.lab.name, tuple(changes), tuple(drift))


def _switch(desired: Desired, seen: Observation) -> Plan:
    """Every machine of one platform goes, every one of the other comes."""
    lab = desired.lab
    left, taken = f"it was one of {seen.platform}", f"the platform is {lab.platform} now"
    gone = [Change(name, "remove", left) for name in seen.machines if name not in lab.machines]
    new = [
        Change(name, "recreate" if name in seen.machines else "create", taken)
        for name, machine in lab.machines.items()
        if not machine.visiting
    ]
    return Plan(lab.name, (*gone, *new), replaces=seen.platform)


def _container(name: str, machine: SeenMachine | None, desired: Desired) -> Change | None:
    """What happens to the container itself."""
    if machine is None:
        return Change(name, "create", "it does not exist yet")
    if machine.definition != desired.definitions[name] and not machine.alike:
        return Change(name, "recreate", "its image, limits, addresses or ports have changed")
    if not machine.running:
        return Change(name, "start", "it is stopped")
    return None


def _resize(machine: SeenMachine, desired: Desired) -> Iterable[Change]:
    """What it takes to hold a running machine to the limits that it should have."""
    seen, wanted = machine.limits, desired.lab.machines[machine.name].limits
    if seen is None or seen == wanted:
        return
    off = _switched_off(seen, wanted, desired.lab.machines[machine.name].hot)
    tail = "; it is switched off for that" if off else ""
    yield Change(machine.name, "resize", ", ".join(_sizes(seen, wanted)) + tail, off=off)


def _switched_off(seen: Limits, wanted: Limits, hot: bool) -> bool:
    """Nobody puts memory or a processor into a physical machine that runs."""
    parts = (seen.memory, seen.cpus) != (wanted.memory, wanted.cpus)
    return seen.disk != wanted.disk or (parts and not hot)


def _sizes(seen: Limits, wanted: Limits) -> Iterable[str]:
    """The limits that differ, from what to what."""
    for limit in fields(Limits):
        before, after = (getattr(one, limit.name) for one in (seen, wanted))
        if before != after:
            ends = [amount(limit.name, value) for value in (before, after)]
            yield f"{limit.name} {' → '.join(ends)}"


def _drift(machine: SeenMachine, desired: Desired, reset: Reset) -> Iterable[Drift]:
    lines = manifest_lines(desired.tree.machines[machine.name])
    for path in sorted(machine.drift - _back(machine, reset)):
        yield Drift(machine.name, path, lines.get(path) != machine.manifest.get(path))


def _back(machine: SeenMachine, reset: Reset) -> frozenset[str]:
    """The files changed by hand that may be put back."""
    return frozenset(p for p in machine.drift if ("", p) in reset or (machine.name, p) in reset)


def _update(machine: SeenMachine, desired: Desired, reset: Reset) -> Change | None:
    files = desired.tree.machines[machine.name]
    back = _back(machine, reset)
    if machine.generation == generation(files) and not back:
        return None
    lines = manifest_lines(files)
    kept = machine.drift - back
    changed = {p for p, line in lines.items() if machine.manifest.get(p) != line} | back
    write = sorted((changed & set(lines)) - kept)
    remove = sorted(set(machine.manifest) - set(lines) - kept)
    steps = [Step("write", path) for path in write] + [Step("remove", path) for path in remove]
    steps += [Step("keep", d.path) for d in _drift(machine, desired, reset) if d.conflict]
    steps += _daemon_steps(desired.lab.machines[machine.name].daemons, machine, {*write, *remove})
    return Change(machine.name, "update", _reason(write, remove, machine), tuple(steps))


def _reason(write: list[str], remove: list[str], machine: SeenMachine) -> str:
    new = sum(path not in machine.manifest for path in write)
    counts = {"changed": len(write) - new, "new": new, "removed": len(remove)}
    said = [f"{n} {word}" for word, n in counts.items() if n]
    return f"files: {', '.join(said)}" if said else "only files kept as changed by hand differ"


def _daemon_steps(
    daemons: Iterable[Daemon], machine: SeenMachine, touched: set[str]
) -> Iterable[Step]:
    """Test before anything goes live, reload where a daemon can, restart where it cannot."""
    before = {path.split("/")[4] for path in machine.manifest if path.startswith(f"{DAEMONS}/")}
    tests: list[Step] = []
    acts: list[Step] = []
    names = set()
    for daemon in daemons:
        names.add(daemon.name)
        act = _act(daemon, daemon.name in before, touched)
        if act and daemon.test:
            tests.append(Step("test", daemon.name))
        if act:
            acts.append(Step(act, daemon.name))
    stops = [Step("stop", name) for name in sorted(before - names)]
    return [*tests, *stops, *acts]


def _act(
    daemon: Daemon, known: bool, touched: set[str]
) -> Literal["start", "restart", "reload"] | None:
    if not known:
        return "start"
    own = (f"{DAEMONS}/{daemon.name}/", *daemon.restarts)
    if any(path.startswith(own) for path in touched):
        return "restart"
    if daemon.watches and any(path.startswith(daemon.watches) for path in touched):
        return "reload" if daemon.reload else "restart"
    return None
