"""Checking the sandboxes of a class, many at a time, and what all of them have reached."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from labctl import keep
from labctl.checks import variables
from labctl.classes import registry
from labctl.classes.record import ClassRecord, Place
from labctl.classes.roster import as_id
from labctl.errors import LabctlError
from labctl.grades import gradebook, leaks, store
from labctl.grades.gradebook import Column, Gradebook, Which
from labctl.grades.leaks import Known, Leak
from labctl.grades.run import Run, as_json, from_json
from labctl.keep import lab_home
from labctl.model import Want
from labctl.spec import checks
from labctl.spec.problems import nearest, shown
from labctl.work import processes
from labctl.work.checking import Asked, check
from labctl.work.exercising import exercises_of
from labctl.work.session import Session

SECONDS = 600.0  # for one sandbox: each of its checks has its own time
Report = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """A student's sandbox: what came of its checks, or why nothing did.

    ``leaks`` are secrets of others that were seen there; ``trouble`` says why the run is not
    kept, if so.
    """

    place: Place
    run: Run | None = None
    error: str = ""
    leaks: tuple[Leak, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Matrix:
    """The students of a class, each with their checks, in the order of the roster.

    ``domain`` is the one above those of the students.
    """

    name: str
    domain: str
    rows: tuple[Row, ...] = field(default=())


def check_class(
    name: str, asked: Asked, only: str, at_once: int, report: Report, told: Callable[[Row], str]
) -> Matrix:
    """Ask checks of every sandbox of a class, or of some, and keep each run.

    ``at_once`` is how many at a time, 0 for as many as this host has use for. ``report`` is told
    an id and, as soon as it is there, its row, in the words of ``told``. LabctlError where there
    is no such class, student or exercise; what is wrong with one sandbox is in its row.
    """
    record = registry.get(name)
    places = chosen(record, only)
    session = _any_session(record)
    if asked.exercises:
        _named(session, asked.exercises)
    work = partial(_checked, record, asked, _known(record, session))
    rows = {place.id: Row(place, error=place.state) for place in places}
    asking = [place for place in places if place.state == "active"]
    for place in asking:
        report(place.id, "waiting")
    for place, answer in processes.each(work, asking, at_once or _at_once(), SECONDS):
        rows[place.id] = _row(place, answer)
        report(place.id, told(rows[place.id]))
    return Matrix(name, record.domain, tuple(rows.values()))


def chosen(record: ClassRecord, only: str) -> tuple[Place, ...]:
    """The places of a class that ``only`` names, with commas between; all where it is empty."""
    places = {place.id: place for place in record.active}
    ids = [as_id(word.strip()) for word in only.split(",") if word.strip()] or list(places)
    for student in ids:
        if student not in places:
            hint = nearest(student, places)
            raise LabctlError(f"{record.name} has no student '{shown(student)}'", hint, 2)
    if not ids:
        raise LabctlError(f"{record.name} has no students", "", 2)
    return tuple(places[student] for student in dict.fromkeys(ids))


def _at_once() -> int:
    """A sandbox that is checked computes half of its time, and waits the other half."""
    return 2 * (os.cpu_count() or 1)


def _any_session(record: ClassRecord) -> Session:
    """The lab as any of its students has it: nothing of it needs to be up."""
    if not record.active:
        raise LabctlError(f"{record.name} has no students", "", 2)
    return Session(record.sandbox(record.active[0].id), dry=True, running=True)


def _named(session: Session, words: Iterable[str]) -> None:
    """LabctlError where there is no such exercise: once, and not in each row."""
    from labctl.exercises import reader

    found = exercises_of(session)
    for word in words:
        reader.named(found, word)


def _known(record: ClassRecord, session: Session) -> Known:
    """Every student's secrets: accounts, and whatever checks of the lab or an exercise name."""
    wanted = list(session.lab.accounts)
    asked = list(session.lab.checks)
    for exercise in exercises_of(session):
        asked += [checks.made(spec, session.lab, exercise.name) for spec in exercise.checks]
    wanted += variables.wants(asked)
    turns = {place.id: place.turn for place in record.seats}
    values = keep.secrets_of_seats(record.name, turns, wanted)
    names = {want.name: _shown(want) for want in wanted}
    return Known({
        student: {names[want]: value for want, value in own.items()}
        for student, own in values.items()
    })  # fmt: skip


def _shown(want: Want) -> str:
    """A secret as a teacher knows it: ``secret.flag``, ``account.alice``."""
    kind = "account" if want.kind == "password" else "secret"
    return f"{kind}.{want.name.rpartition('/')[2]}"


def _checked(record: ClassRecord, asked: Asked, known: Known, place: Place) -> dict[str, Any]:
    """Check one sandbox, in a process of its own; what came of it, in JSON."""
    found = check(record.sandbox(place.id), asked)
    seen = known.found(place.id, found.results)
    leaks.save(seen, registry.folder(record.name), f"{found.run.time}-{found.run.id}")
    return {
        "run": as_json(found.run),
        "trouble": found.trouble,
        "leaks": [[leak.owner, leak.secret, leak.exercise, leak.check] for leak in seen],
    }


def _row(place: Place, answer: Mapping[str, Any]) -> Row:
    if "error" in answer:
        error = str(answer["error"])
        return Row(place, error="not up" if error.endswith(" is not up") else error)
    seen = tuple(Leak(place.id, *leak) for leak in answer["leaks"])
    return Row(place, from_json(answer["run"]), "", seen, answer["trouble"])


def grades(name: str, only: str, which: Which) -> Gradebook:
    """What the students of a class have reached, from the runs that are kept.

    ``which`` attempt of each exercise counts: the last, or the best.
    """
    record = registry.get(name)
    places = chosen(record, only)
    kept = [(place, store.runs(lab_home(record.sandbox(place.id)))) for place in places]
    found = leaks.kept(registry.folder(name))
    return gradebook.made(name, _columns(_any_session(record)), kept, found, which)


def _columns(session: Session) -> Sequence[Column]:
    """What can be graded: the exercises; the lab's own checks where it has none."""
    found = exercises_of(session)
    if not found:
        own = session.lab.checks
        return [Column("", session.lab.title or session.name, sum(c.points for c in own))]
    platform = session.expanded.platform
    return [Column(one.name, one.title, one.points) for one in found if one.fits(platform)]
