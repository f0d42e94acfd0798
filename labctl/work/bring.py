"""Bringing a lab up and taking it down: the pieces in their order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from labctl.engines import api, compose, disks, isolation
from labctl.engines.compose import Engine
from labctl.engines.state import State
from labctl.errors import LabctlError, Unsettled
from labctl.host import addresses, holders
from labctl.keep import data_home
from labctl.plan import Desired, Observation, Plan, Reset, plan
from labctl.work import edge
from labctl.work.execute import Report, execute, wait
from labctl.work.limiting import with_limits
from labctl.work.session import Choices, Session, known_name, state_directory

EDGE = "the edge"
ATTEMPTS = 3  # where what was planned from changes meanwhile: a killed `down` that goes on
_SUBNETS = 10  # where many labs come up at once, each with the first free subnet it sees


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan with what it was made from."""

    session: Session
    seen: Observation
    plan: Plan


def make_plan(
    target: str, choices: Choices, reset: Iterable[str], engine: Engine, dry: bool
) -> Planned:
    """Read the lab, look at what there is, compare. ``dry`` writes nothing."""
    name = choices.name or known_name(target)
    observing = _Background(engine, name) if name else None
    session = Session(target, choices, dry)
    if observing is None or session.name != name:
        observing = _Background(engine, session.name)
    tree = session.tree
    seen = observing.result()
    _same_place(session, seen)
    _all_looked_at(seen)
    # without a container there is nothing to compare with, and asking Compose takes a while
    definitions = session.definitions if seen.machines else {}
    desired = Desired(session.lab, tree, definitions)
    seen = with_limits(seen, desired, session)
    return Planned(session, seen, plan(desired, seen, resets(reset)))


def resets(arguments: Iterable[str]) -> Reset:
    """The files to put back, given as ``PATH`` or ``MACHINE:PATH``."""
    pairs = (argument.partition(":") for argument in arguments)
    return frozenset((head, path) if colon else ("", head) for head, colon, path in pairs)


class _Background:
    """Looking at the engine while the lab is read and rendered: it is mostly waiting."""

    def __init__(self, engine: Engine, lab: str) -> None:
        self._seen: Observation | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(engine, lab), daemon=True)
        self._thread.start()

    def _run(self, engine: Engine, lab: str) -> None:
        try:
            self._seen = engine.observe(lab)
        except BaseException as error:  # noqa: BLE001 (raised again in the thread that waits)
            self._error = error

    def result(self) -> Observation:
        """Wait; what was seen, or the error."""
        self._thread.join()
        if self._seen is None:
            raise self._error or RuntimeError("the engine was not looked at")
        return self._seen


def _all_looked_at(seen: Observation) -> None:
    """A machine that says nothing of itself cannot be planned for: its files are unknown."""
    for machine in seen.machines.values():
        if machine.running and (machine.trouble or not machine.generation):
            why = machine.trouble or "it is still starting"
            raise Unsettled(
                f"{machine.name} cannot be looked at: {why}",
                f"`labctl logs {machine.name}` may say more",
            )


def _same_place(session: Session, seen: Observation) -> None:
    """A lab of that name that was brought up from elsewhere is not this one's to change."""
    if seen.state and Path(seen.state) != session.state.directory:
        raise LabctlError(
            f"a lab called {session.name} is already up, from {seen.state}",
            f"work on it there, or bring this one up as another: --name {session.name}-2",
        )


Warn = Callable[[Planned, Engine], None]


def bring_up(
    target: str,
    choices: Choices,
    reset: Iterable[str],
    report: Report,
    warn: Warn,
    fresh: bool = False,
) -> Planned:
    """Bring a lab up; what was planned comes back once all of it is true.

    ``warn`` is shown the plan before anything is done: files changed on both sides, another
    platform. It may raise. ``fresh`` drops the data that a lab that is down, or that was on
    another platform, has left; LabctlError where it is up on this one.
    """
    engine = Engine()
    name = choices.name or known_name(target)
    state = State(state_directory(name)) if name else Session(target, choices, dry=True).state
    with state.locked():
        attempts, subnets = ATTEMPTS, _SUBNETS
        while True:
            try:
                return _bring_up_once(target, choices, reset, engine, report, warn, fresh)
            except addresses.SubnetTaken:
                subnets -= 1
                if not subnets:
                    raise
                if not engine.containers(state.directory.name):
                    compose.down(state.directory.name, volumes=False)  # networks made before it
                addresses.forget(state.directory.name, data_home())
            except Unsettled:
                attempts -= 1
                if not attempts:
                    raise
                engine.settle(state.directory.name)


def _bring_up_once(
    target: str,
    choices: Choices,
    reset: Iterable[str],
    engine: Engine,
    report: Report,
    warn: Warn,
    fresh: bool,
) -> Planned:
    planned = make_plan(target, choices, reset, engine, dry=False)
    if planned.plan.of("create", "recreate", "start"):
        check_host(planned, engine)
    warn(planned, engine)
    if fresh:
        _drop_data(planned)
    execute(planned.session, planned.plan, engine, report)
    wait_for_rest(planned, engine, report)
    session = planned.session
    if session.settings.edge or (session.lab.door and edge.is_interrupted(engine)):
        edge.ensure(report)
    return planned


def _drop_data(planned: Planned) -> None:
    """Remove the lab's volumes, with the machines of the platform that it leaves."""
    if planned.seen.machines and not planned.plan.replaces:
        name = planned.session.name
        raise LabctlError(
            f"{name} is up: its data is in use", f"`labctl down {name}` drops it with all else", 2
        )
    disks.detach(planned.session.name)
    compose.down(planned.session.name, volumes=True)


def wait_for_rest(planned: Planned, engine: Engine, report: Report) -> None:
    """Wait also for machines that nothing was done to and that were not ready when seen."""
    touched = {change.machine for change in planned.plan.changes}
    late = {
        machine.name: machine.container
        for machine in planned.seen.machines.values()
        if machine.name not in touched and set(machine.ready.values()) - {"ok"}
    }
    wait(late, engine, report)


def check_host(planned: Planned, engine: Engine) -> None:
    """Refuse, before anything is touched, what the host cannot give; all of it at once."""
    troubles = list(_held_ports(planned, edge.ports(engine)))
    isolations = {machine.isolation for machine in planned.session.lab.machines.values()}
    troubles += isolation.problems(isolations)
    if not planned.seen.machines and not engine.has_network(planned.session.name):
        troubles += _overlaps(planned.session)
    if not troubles:
        return
    raise LabctlError("\n".join(troubles), _way_out(planned, troubles))


def _overlaps(session: Session) -> Iterable[str]:
    """The lab's subnets that the host has a route to already; SubnetTaken if labctl chose it."""
    for network in session.lab.networks:
        if route := addresses.conflict(network.subnet):
            text = f"the lab's subnet {network.subnet} overlaps the host's route {route}"
            if network.name not in session.expanded.subnets:
                raise addresses.SubnetTaken(text)
            yield text


def _held_ports(planned: Planned, of_edge: Collection[int]) -> Iterable[str]:
    """The ports that the lab would publish and somebody else holds."""
    machines = planned.session.lab.machines
    starting = [machines[c.machine] for c in planned.plan.of("create", "recreate", "start")]
    ports = [port.host for one in starting for port in one.ports if port.transport == "tcp"]
    if not ports:
        return
    listening = holders.listeners()
    containers = api.containers([], running_only=True)
    for port in ports:
        who = holders.holder(port, containers, listening)
        if who in ("", f"lab {planned.session.name}"):
            continue
        if who.startswith("docker-proxy"):  # of a container that is being started or stopped
            raise Unsettled(f"port {port} is held by {who}", "`docker ps` shows for whom")
        yield f"port {port} is held by {EDGE if port in of_edge else who}"


def _way_out(planned: Planned, troubles: Iterable[str]) -> str:
    """What to type instead."""
    if any("isolation" in trouble for trouble in troubles):
        return "leave `isolation` out of the lab file, or have the engine's administrator add it"
    if any("subnet" in trouble for trouble in troubles):
        return "say another subnet in the lab file, for example `subnet: 198.18.200.0/24`"
    exposed = {e.host for e in planned.session.expanded.expose}
    if any(f"port {port} " in trouble for trouble in troubles for port in exposed):
        return "say another port of the host in the lab file, with `host:` under `expose:`"
    if any(trouble.endswith(EDGE) for trouble in troubles):
        return (
            f"this shares it with the labs behind the edge: labctl up {planned.session.name} --edge"
        )
    return f"give this lab other ports: labctl up {planned.session.name} --http 8080 --https 8443"
