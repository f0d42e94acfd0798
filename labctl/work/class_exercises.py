"""Beginning and ending exercises in the sandboxes of a class, many at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from labctl.classes.record import ClassRecord, Place
from labctl.engines.compose import Engine
from labctl.errors import LabctlError
from labctl.exercises import reader
from labctl.exercises.reader import Exercise
from labctl.work import begun
from labctl.work.class_many import Outcome, Report, at_a_time
from labctl.work.execute import running
from labctl.work.exercising import exercises_of, prepare, put_back, refuse_unfit
from labctl.work.session import Session

Deed = Callable[[Session, Exercise], str]


def begin(
    record: ClassRecord, places: Sequence[Place], words: Sequence[str], jobs: int, report: Report
) -> tuple[Outcome, ...]:
    """Apply the setups of exercises, in the order of their names; of all where none is named.

    Where one was begun before it is left alone: its student is at work on it. LabctlError where
    there is no such exercise, or where two cannot be begun together.
    """
    if not places:
        return ()
    session = Session(record.sandbox(places[0].id), dry=True, running=True)
    known = exercises_of(session)
    wanted = named(known, words) or [one for one in known if one.begins(session.expanded.platform)]
    for exercise in wanted:
        refuse_unfit(session, exercise)
    for one in places:
        together = {*one.begun, *(exercise.name for exercise in wanted)}
        refuse_clashes([exercise for exercise in known if exercise.name in together])
    return _all(record, places, wanted, jobs, report, _begun)


def end(
    record: ClassRecord, places: Sequence[Place], words: Sequence[str], jobs: int, report: Report
) -> tuple[Outcome, ...]:
    """Apply the cleanups of exercises that were begun; of all of those where none is named."""
    if not places:
        return ()
    known = exercises_of(Session(record.sandbox(places[0].id), dry=True, running=True))
    wanted = named(known, words) or known
    return _all(record, places, wanted, jobs, report, _ended)


def named(known: Sequence[Exercise], words: Iterable[str]) -> list[Exercise]:
    """The exercises that words mean, each once, in their order in the lab."""
    meant = {reader.named(known, word).name for word in words}
    return [exercise for exercise in known if exercise.name in meant]


def refuse_clashes(exercises: Iterable[Exercise]) -> None:
    """LabctlError where two exercises put one file on a machine: the second undoes the first."""
    owners: dict[tuple[str, str], str] = {}
    for exercise in exercises:
        for machine, steps in exercise.setup.machines.items():
            for path in steps.files:
                other = owners.setdefault((machine, path), exercise.name)
                if other != exercise.name:
                    raise LabctlError(
                        f"{other} and {exercise.name} both put {path} on {machine}",
                        "let the students do one, end it, then begin the other",
                        status=2,
                    )


def _all(
    record: ClassRecord,
    places: Sequence[Place],
    wanted: Sequence[Exercise],
    jobs: int,
    report: Report,
    deed: Deed,
) -> tuple[Outcome, ...]:
    if not wanted:
        raise LabctlError("no exercise of this lab has anything to begin", status=2)
    names = [exercise.name for exercise in wanted]
    return at_a_time(places, jobs, partial(_one, record, names, report, deed), report)


def _one(
    record: ClassRecord, names: Sequence[str], report: Report, deed: Deed, place: Place
) -> str:
    """Do it in one sandbox; what was done, or LabctlError with all that failed."""
    sandbox = record.sandbox(place.id)
    if not running(Engine(), sandbox):
        raise LabctlError("not up")
    session = Session(sandbox, dry=True, running=True)
    done, troubles = [], []
    for exercise in named(exercises_of(session), names):
        report(place.id, exercise.name)
        try:
            done.append(deed(session, exercise))
        except LabctlError as error:
            troubles.append(f"{exercise.name}: {error}")
    if troubles:
        raise LabctlError("\n".join(troubles))
    return ", ".join(one for one in done if one) or "nothing to be done"


def _begun(session: Session, exercise: Exercise) -> str:
    if exercise.name in begun.begun(session.name):
        return f"{exercise.name} begun before"
    prepare(session, exercise)
    return exercise.name


def _ended(session: Session, exercise: Exercise) -> str:
    if exercise.name not in begun.begun(session.name):
        return ""
    put_back(session, exercise)
    return exercise.name
