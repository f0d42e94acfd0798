"""Bringing a lab up and taking it down: the pieces in their order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from labctl import addresses
from labctl.engines.compose import Engine
from labctl.errors import LabctlError
from labctl.execute import Report, execute
from labctl.plan import Desired, Observation, Plan, Reset, plan
from labctl.session import Choices, Session


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
    session = Session(target, choices, dry)
    seen: list[Observation] = []
    observing = _in_background(lambda: seen.append(engine.observe(session.name)))
    desired = Desired(session.lab, session.tree, session.definitions)
    observing()
    _same_place(session, seen[0])
    return Planned(session, seen[0], plan(desired, seen[0], resets(reset)))


def resets(arguments: Iterable[str]) -> Reset:
    """The files to put back, given as ``PATH`` or ``MACHINE:PATH``."""
    pairs = (argument.partition(":") for argument in arguments)
    return frozenset((head, path) if colon else ("", head) for head, colon, path in pairs)


def _in_background(work: Callable[[], None]) -> Callable[[], None]:
    """Start work in a thread; the function that comes back waits and raises its error."""
    errors: list[BaseException] = []

    def guarded() -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=guarded, daemon=True)
    thread.start()

    def join() -> None:
        thread.join()
        if errors:
            raise errors[0]

    return join


def _same_place(session: Session, seen: Observation) -> None:
    """A lab of that name that was brought up from elsewhere is not this one's to change."""
    if seen.state and Path(seen.state) != session.state.directory:
        raise LabctlError(
            f"a lab called {session.name} is already up, from {seen.state}",
            f"work on it there, or bring this one up as another: --name {session.name}-2",
        )


def bring_up(target: str, choices: Choices, reset: Iterable[str], report: Report) -> Planned:
    """Bring a lab up; what was planned comes back once all of it is true."""
    engine = Engine()
    planned = make_plan(target, choices, reset, engine, dry=False)
    if planned.plan.of("create", "recreate"):
        check_host(planned, engine)
    if not planned.plan.empty:
        execute(planned.session, planned.plan, planned.seen, engine, report)
    return planned


def check_host(planned: Planned, engine: Engine) -> None:
    """Refuse, before anything is touched, what the host cannot give."""
    session = planned.session
    if not planned.seen.machines:
        for network in session.lab.networks:
            found = addresses.conflict(network.subnet)
            if found:
                raise LabctlError(
                    f"the lab's subnet {network.subnet} overlaps the host's route {found}",
                    "say another one in the lab file: `subnet: 198.18.200.0/24`",
                )
