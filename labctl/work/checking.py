"""Checking a lab that is up, and keeping what came of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from labctl import keep
from labctl.checks import runner, variables
from labctl.checks.inside import Machines
from labctl.engines.compose import Engine
from labctl.errors import LabctlError
from labctl.grades import run as runs
from labctl.grades import store
from labctl.grades.run import Run
from labctl.keep import lab_home
from labctl.model import Check, Lab
from labctl.spec.checks import made
from labctl.spec.problems import nearest
from labctl.work import begun
from labctl.work.execute import running
from labctl.work.session import Session
from labctl.work.visitor import visiting

if TYPE_CHECKING:
    from labctl.exercises.reader import Exercise

_PATIENCE = 3
_LONGEST = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class Asked:
    """Which checks: those of some exercises, the lab's own, or those of some services."""

    services: frozenset[str] = frozenset()
    exercises: tuple[str, ...] = ()
    everything: bool = False

    @property
    def own(self) -> bool:
        """Whether the lab's own checks are among them."""
        return self.everything or not self.exercises


@dataclass(frozen=True, slots=True)
class Checked:
    """A run, all runs that are kept, and why it could not be kept, if so.

    ``results`` have what was seen, which is kept nowhere.
    """

    run: Run
    kept: tuple[Run, ...] = field(default=())
    trouble: str = ""
    results: tuple[runner.Result, ...] = ()


def check(target: str, asked: Asked) -> Checked:
    """Run checks of a lab and keep the run; LabctlError where the lab is not up."""
    session = Session(target, dry=True, running=True)
    exercises = _exercises(session, asked)
    checks = [*_own(session.lab, asked.services)] if asked.own else []
    for exercise in exercises:
        checks += [made(spec, session.lab, exercise.name) for spec in exercise.checks]
    early = {exercise.name for exercise in exercises if not _ready(session, exercise)}
    if session.lab.seat:
        checks = [patient(one) for one in checks]
    stamp = store.stamped()
    asked_now = iter(ask(session, [one for one in checks if one.exercise not in early]))
    results = tuple(_unasked(c) if c.exercise in early else next(asked_now) for c in checks)
    titles = {exercise.name: exercise.title for exercise in exercises}
    return replace(preserved(runs.made(session.name, stamp, results, titles)), results=results)


def _ready(session: Session, exercise: Exercise) -> bool:
    """Whether an exercise can be graded: in a class nothing counts before it is begun.

    What has to be found or finished is whole until then, so most of its checks hold by themselves.
    """
    needed = session.lab.seat and exercise.begins(session.expanded.platform)
    return not needed or exercise.name in begun.begun(session.name)


def _unasked(check: Check) -> runner.Result:
    return runner.Result(check, {}, (), attempts=0, unmet=(runs.BEGUN,))


def patient(check: Check) -> Check:
    """A check of a sandbox: its host is shared by a class, and its applications may be asleep.

    How long an answer takes is no part of a grade unless a check says so (``milliseconds``).
    """
    seconds = min(_LONGEST, check.seconds * _PATIENCE)
    own = {"seconds": seconds - 1} if check.client == "ws" else {}  # it says itself what is late
    return replace(check, seconds=seconds, ask={**_patient(check.ask), **own})


def _patient(value: Any) -> Any:
    """A question, and those in it, with more time for what they wait for."""
    if isinstance(value, list):
        return [_patient(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    longer = ("seconds", "deadline")
    return {k: one * _PATIENCE if k in longer else _patient(one) for k, one in value.items()}


def preserved(run: Run) -> Checked:
    """Keep a run. One that cannot be kept is still a result."""
    home = lab_home(run.lab)
    try:
        store.save(run, home)
    except LabctlError as error:
        return Checked(run, (*store.runs(home), run), str(error))
    return Checked(run, store.runs(home))


def _own(lab: Lab, services: Collection[str]) -> Iterable[Check]:
    """The lab's own checks, or those of some services."""
    known = {*lab.services, *(check.service for check in lab.checks)}
    for name in sorted(set(services) - known):
        raise LabctlError(f"{lab.name} has no service '{name}'", nearest(name, known), 2)
    return [c for c in lab.checks if not services or c.service in services]


def _exercises(session: Session, asked: Asked) -> Sequence[Exercise]:
    """The exercises that are asked for."""
    if not asked.exercises and not asked.everything:
        return ()
    from labctl.exercises import reader
    from labctl.work.exercising import exercises_of

    found = exercises_of(session)
    if asked.everything:
        return tuple(one for one in found if one.fits(session.expanded.platform))
    named = (reader.named(found, word) for word in asked.exercises)
    return tuple({exercise.name: exercise for exercise in named}.values())


def ask(
    session: Session, checks: Sequence[Check], containers: Mapping[str, str] | None = None
) -> tuple[runner.Result, ...]:
    """Ask checks of a lab, its own or others; LabctlError where it is not up.

    ``containers`` by machine, where they are known already.
    """
    lab = session.lab
    containers = running(Engine(), lab.name) if containers is None else containers
    if not any(not lab.machines[name].visiting for name in containers if name in lab.machines):
        raise LabctlError(f"{lab.name} is not up", f"`labctl up {lab.name}` brings it up")
    values = secrets(lab, checks)
    if not _visitors(lab, containers, checks):
        return runner.run(lab, session.kept, containers, checks, values)
    with visiting(session) as visitors:
        return runner.run(lab, session.kept, {**containers, **visitors}, checks, values)


def _visitors(lab: Lab, containers: Mapping[str, str], checks: Iterable[Check]) -> bool:
    """Whether anything is asked by a machine that has to be brought for it."""
    asking = {name for check in checks for name in Machines(lab, containers).askers(check)}
    return any(lab.machines[name].visiting for name in asking & lab.machines.keys())


def secrets(lab: Lab, checks: Iterable[Check]) -> Mapping[str, str]:
    """The values of the secrets that checks name: ``secret.flag``, ``account.alice``.

    They are the same at every call: derived from the lab's kept secret, which is made where
    there is none yet. LabctlError where no account has that login.
    """
    asked = variables.names(checks)
    if not asked:
        return {}
    accounts = {f"account.{want.name.rpartition('/')[2]}": want for want in lab.accounts}
    accounts |= {f"account.{want.name}": want for want in lab.accounts}
    for name in asked:
        if name.startswith("account.") and name not in accounts:
            known = sorted(one.partition(".")[2] for one in accounts)
            login = name.partition(".")[2]
            raise LabctlError(f"{lab.name} has no account '{login}'", nearest(login, known), 2)
    wanted = {name: accounts.get(name) or variables.token(name) for name in asked}
    made_now = keep.secrets(lab, wanted.values())
    return {name: made_now[want.name] for name, want in wanted.items()}
