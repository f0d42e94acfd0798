"""Executing a plan: files first, then containers, then changes on running machines, then wait.

Nothing is decided here. Killed anywhere, the next ``up`` observes what there is and goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from labctl import ssh
from labctl.engines import api, compose
from labctl.engines.api import Finished
from labctl.engines.compose import Engine
from labctl.engines.dockerfile import as_written, own_recipe, reference
from labctl.errors import LabctlError, Unsettled
from labctl.model import Lab
from labctl.parallel import each
from labctl.plan import Action, Change, Plan
from labctl.render.compose import LABEL
from labctl.render.tree import Files, generation
from labctl.spec.problems import printable
from labctl.work import at_door, limiting, meeting, ssh_access
from labctl.work.rendered import Rendered
from labctl.work.session import write_settings

READY_SECONDS = 60
_STARTS: tuple[Action, ...] = ("create", "recreate", "start")
Report = Callable[[str, str], None]
_PATH = re.compile(r"(/[\w.@+\-/]+)(?:\"?(?::|, line )(\d+))?")
_OF = re.compile(r"line (\d+) of (/[^\s:]+)")  # Apache says it the other way round


class Refused(LabctlError):
    """A daemon refused its new files; the old ones are back and it keeps serving."""


def execute(session: Rendered, plan: Plan, engine: Engine, report: Report) -> None:
    """Make a plan true and wait until everything touched answers.

    ``report`` is told a machine's name and what is happening to it. LabctlError when a daemon
    refuses its files, or does not answer in time.
    """
    if plan.of(*_STARTS):
        build_images(session, engine, report)
    limiting.prepare(session, plan)
    if plan.replaces:
        report("lab", f"leaving {plan.replaces}")
        compose.down(session.name, volumes=False)
        session.state.remove_machines()
    write(session, plan)
    for changes in rounds(session.lab, plan):
        _round(session, changes, engine, report)
    others = [change.machine for change in plan.of("remove")]
    if others:
        for machine in others:
            report(machine, "removing")
        compose.remove_others(session.name, session.state.compose_file, others)
        learn_definitions(session, engine)


def rounds(lab: Lab, plan: Plan) -> Iterable[tuple[Change, ...]]:
    """What is done together: everything, but replicas that are there one after the other."""
    numbered: dict[int, list[Change]] = {}
    for change in plan.of(*_STARTS, "resize", "update"):
        live = change.action == "resize" and not change.off
        at_once = change.action in ("create", "start") or live
        number = 1 if at_once else lab.machines[change.machine].replica
        numbered.setdefault(number, []).append(change)
    return (tuple(numbered[number]) for number in sorted(numbered))


def _round(session: Rendered, changes: tuple[Change, ...], engine: Engine, report: Report) -> None:
    """Start, change and wait for some machines at the same time."""
    started = [change for change in changes if change.action in _STARTS]
    updated = tuple(change for change in changes if change.action == "update")
    if started:
        for change in started:
            report(change.machine, "starting")
        start(session, started)
        learn_definitions(session, engine)
    containers = running(engine, session.name)
    _all_there(changes, containers)
    limiting.started(session, {c.machine: containers[c.machine] for c in started})
    resize([c for c in changes if c.action == "resize"], session, containers, engine, report)
    apply(session, updated, containers, engine, report)
    touched = {change.machine: containers[change.machine] for change in changes}
    fresh = {change.machine for change in started}
    told = wait(touched, engine, report, fresh)
    _none_behind(session, {name: told[name] for name in fresh})


def _none_behind(session: Rendered, told: Mapping[str, str]) -> None:
    """Unsettled where a machine that has just started (name → generation) has older files.

    It was there before, or its disks were, and it keeps what its learner has changed: what the
    lab has changed meanwhile comes as to any machine that runs.
    """
    behind = [name for name in told if told[name] != generation(session.tree.machines[name])]
    if behind:
        raise Unsettled(f"started with the files of an earlier `up`: {', '.join(behind)}")


def resize(
    changes: Iterable[Change],
    session: Rendered,
    containers: Mapping[str, str],
    engine: Engine,
    report: Report,
) -> None:
    """Change the limits of running machines; those switched off for it answer again after it."""
    off = {}
    for change in changes:
        report(change.machine, "resizing")
        limiting.resize(session, change, containers[change.machine])
        if change.off:
            off[change.machine] = containers[change.machine]
    wait(off, engine, report, off)


def _all_there(changes: Iterable[Change], containers: Mapping[str, str]) -> None:
    """Every machine that is worked on runs; Unsettled where one has stopped meanwhile."""
    gone = [change.machine for change in changes if change.machine not in containers]
    if gone:
        raise Unsettled(
            f"stopped while `up` was at work: {', '.join(gone)}", "`labctl logs` shows why"
        )


def write(session: Rendered, plan: Plan) -> None:
    """Put the files in place that the machines will look for."""
    state = session.state
    state.prepare()
    write_settings(state, session.settings)
    state.write_compose(session.tree.compose)
    if ssh.servers(session.lab):
        ssh_access.write(session)
    at_door.write(session)
    meeting.write(session)
    changing = {change.machine: change for change in plan.of("update")}
    for name, files in session.tree.machines.items():
        if name not in changing:
            state.write_machine(name, files)
    for name, change in changing.items():
        state.write_machine(name, session.tree.machines[name], "next")
        steps = "".join(f"{step.verb} {step.target}\n" for step in change.steps)
        (state.machine(name) / "change").write_text(steps)


def build_images(session: Rendered, engine: Engine, report: Report) -> None:
    """Build the images that the engine lacks."""
    recipe = own_recipe()
    machines: dict[str, list[str]] = {}
    for machine in session.lab.machines.values():
        machines.setdefault(reference(machine.packages, recipe, machine.extra), []).append(
            machine.name
        )
    if not api.lacks(machines):
        return
    from labctl.engines import images

    def tell(progress: images.Progress) -> None:
        if progress.state != "present":
            who = ", ".join(machines.get(progress.image, ["base"]))
            report(who, f"image {progress.state} {progress.detail}".rstrip())

    them = tuple(session.lab.machines.values())
    extras = images.extras(them, recipe)
    images.build(engine.client, images.needed(them, recipe), recipe, tell, extras=extras)


def start(session: Rendered, changes: Sequence[Change]) -> None:
    """Let Compose create and start machines."""
    if len(changes) > 1:
        compose.stop(session.name, [c.machine for c in changes if c.action == "recreate"])
    groups: dict[bool, list[str]] = {}
    for change in changes:
        groups.setdefault(change.action == "start", []).append(change.machine)
    for as_they_are, names in groups.items():
        compose.up(session.name, session.state.compose_file, names, as_they_are)


def learn_definitions(session: Rendered, engine: Engine) -> None:
    """Remember Compose's hashes of the definitions, which it has just put on the containers."""
    hashes = engine.definitions(session.name)
    if limiting.noted(session):  # their labels tell of limits that they had
        return
    if set(hashes) == set(session.lab.machines):
        session.state.write_definitions(session.tree.compose, hashes)


def running(engine: Engine, lab: str) -> dict[str, str]:
    """The containers of a lab's running machines by machine."""
    return {
        container["Labels"][f"{LABEL}.machine"]: container["Id"]
        for container in engine.containers(lab)
        if container["State"] == "running"
    }


def apply(
    session: Rendered,
    changes: tuple[Change, ...],
    containers: Mapping[str, str],
    engine: Engine,
    report: Report,
) -> None:
    """Let running machines take their new files; Refused with the words of those that do not."""
    if not changes:
        return

    def one(change: Change) -> tuple[str, Finished]:
        report(change.machine, "changing")
        return change.machine, engine.apply(containers[change.machine])

    finished = dict(each(one, changes))
    refusals = []
    for name, result in finished.items():
        if result.status == 0:
            session.state.promote(name)
        else:
            refusals.append(refusal(name, result.output, session.tree.machines[name]))
    if refusals:
        raise Refused("\n".join(refusals), "mend that file and run `labctl up` again")


def refusal(machine: str, output: str, files: Files) -> str:
    """A daemon's words, and which file of the lab each path in them comes from."""
    daemon = re.search(r"^refused\t(\S+)\n", output)
    said = output[daemon.end() :] if daemon else output
    who = f"{printable(daemon[1])} on {machine} refuses" if daemon else f"{machine} could not take"
    lines = [f"{who} the new configuration; the old one is back and keeps serving:"]
    lines += [f"    {printable(line)}" for line in said.strip().splitlines()]
    for found, line in dict.fromkeys(_PATH.findall(_OF.sub(r"\2:\1", said))):
        path = found if found in files else as_written(found)
        if path in files:
            source = files[path].source
            # content keeps its lines, a rendered file has those of its template
            whole = re.search(r":\d+$|^labctl", source)
            place = source if whole or not line else f"{source}:{line}"
            lines.append(f"  {path} comes from {place}")
    return "\n".join(lines)


def wait(
    containers: Mapping[str, str], engine: Engine, report: Report, fresh: Collection[str] = ()
) -> Mapping[str, str]:
    """Wait until the daemons of these machines (name → container) answer; what each has told.

    Machines that are ``fresh`` have just been started, and tell by themselves: they say which
    generation of its files each has.
    """

    def one(name: str) -> tuple[str, Finished]:
        report(name, "waiting")
        ask = engine.hear_ready if name in fresh else engine.ask_ready
        finished = ask(containers[name], READY_SECONDS)
        report(name, "ready" if finished.status == 0 else "not ready")
        return name, finished

    told = dict(each(one, containers))
    late = [_late(name, finished) for name, finished in told.items() if finished.status != 0]
    if not late:
        return {name: finished.output for name, finished in told.items()}
    alive = {one["Id"] for one in api.containers([f"{LABEL}.machine"], running_only=True)}
    settled = set(containers.values()) <= alive
    raise (LabctlError if settled else Unsettled)(
        "\n".join(late), "`labctl logs MACHINE` shows what its daemons say"
    )


def _late(machine: str, finished: Finished) -> str:
    lines = [line for line in finished.output.splitlines() if not line.endswith("\tok")]
    said = "; ".join(printable(line.replace("\t", ": ")) for line in lines) or "it gives no answer"
    return f"{machine} does not answer after {READY_SECONDS} s: {said}"
