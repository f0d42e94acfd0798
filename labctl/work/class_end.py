"""Stopping the sandboxes of a class, archiving them, making them new, removing all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from labctl.classes import registry
from labctl.classes.record import ClassRecord, Place
from labctl.engines.compose import Engine
from labctl.work import class_work
from labctl.work.class_many import Outcome, Report, at_a_time
from labctl.work.class_up import Say, bring_one_up, edge_told, up
from labctl.work.class_work import archive
from labctl.work.leftovers import anything_of, known_to_engine, of_lab
from labctl.work.session import Session
from labctl.work.takedown import take_down


def hub_down(record: ClassRecord) -> None:
    """Stop what the class shares once no sandbox is left that uses it; its data stays."""
    up = class_work.by_lab()
    if record.name in up and not any(record.sandbox(place.id) in up for place in record.seats):
        take_down(record.name, keep_data=True, purge=False)


def down(record: ClassRecord, places: Sequence[Place], jobs: int, report: Report
         ) -> tuple[Outcome, ...]:  # fmt: skip
    """Stop sandboxes; nothing that is on their disks is lost."""
    outcomes = at_a_time(places, jobs, partial(_down_one, record, report=report), report)
    hub_down(record)
    return outcomes


def _down_one(record: ClassRecord, place: Place, report: Report) -> str:
    sandbox = record.sandbox(place.id)
    if not Engine().containers(sandbox):
        return "was down"
    if not _sealed(sandbox):  # what is not on its disks would be lost
        _kept(record, place, report)
    take_down(sandbox, keep_data=True, purge=False)
    return "down"


def _sealed(sandbox: str) -> bool:
    """Whether all that a student can write to is on volumes."""
    machines = Session(sandbox, dry=True, running=True).lab.machines.values()
    return all(machine.sealed for machine in machines if not machine.visiting)


def _kept(record: ClassRecord, place: Place, report: Report) -> str:
    """Archive the work of a sandbox that is up; the archive's name."""
    report(place.id, "archiving")
    name = f"{place.id}-{class_work.stamp()}.tar.gz"
    about = {"class": record.name, "id": place.id, "name": place.student.name}
    class_work.take(record.sandbox(place.id), archive(record, name), about, ending=True)
    registry.change_place(record.name, place.id, lambda one: replace(one, restore=name))
    return name


def put_away(record: ClassRecord, places: Sequence[Place], jobs: int, report: Report
             ) -> tuple[Outcome, ...]:  # fmt: skip
    """Archive the work of sandboxes and remove them; `up` brings them back with it."""
    outcomes = at_a_time(places, jobs, partial(put_away_one, record, report=report), report)
    hub_down(record)
    return outcomes


def put_away_one(record: ClassRecord, place: Place, report: Report) -> str:
    """Archive one sandbox, starting it where it is down with data; what was done.

    It is gone only once its archive is whole.
    """
    sandbox = record.sandbox(place.id)
    if not of_lab(sandbox):
        if place.state == "active":
            registry.change_place(record.name, place.id, partial(replace, state="archived"))
        return "archived before" if place.restore else "was never up"
    if len(class_work.own_machines(Session(sandbox, dry=True, running=True), Engine())) == 0:
        bring_one_up(record, place, report)
        place = registry.get(record.name).place(place.id) or place
    name = _kept(record, place, report)
    take_down(sandbox, keep_data=False, purge=False)
    registry.change_place(record.name, place.id, partial(replace, state="archived"))
    return f"archived: {name}"


def reset(record: ClassRecord, places: Sequence[Place], jobs: int, report: Report, warn: Say
          ) -> tuple[Outcome, ...]:  # fmt: skip
    """Make sandboxes new: nothing that their students did is left on them."""
    gone = at_a_time(places, jobs, partial(_emptied, record), report)
    failed = {outcome.id for outcome in gone if outcome.trouble}
    left = [place for place in places if place.id not in failed]
    made = {outcome.id: outcome for outcome in up(record, left, jobs, report, warn)}
    return tuple(made.get(outcome.id, outcome) for outcome in gone)


def _emptied(record: ClassRecord, place: Place) -> str:
    registry.change_place(record.name, place.id, lambda one: replace(one, restore=""))
    take_down(record.sandbox(place.id), keep_data=False, purge=False)
    return "emptied"


def destroy(record: ClassRecord, jobs: int, report: Report) -> tuple[Outcome, ...]:
    """Remove a class with everything of it: sandboxes, archives, grades, keys, record.

    The record goes last, and only where all else is gone. What became of each sandbox of which
    there was anything is returned.
    """
    known = known_to_engine()
    there = [one for one in record.seats if anything_of(record.sandbox(one.id), known)]
    outcomes = at_a_time(there, jobs, partial(_destroyed, record), report)
    if not any(outcome.trouble for outcome in outcomes):
        take_down_hub(record)
        registry.forget(record.name)
        edge_told(report)
    return outcomes


def _destroyed(record: ClassRecord, place: Place) -> str:
    take_down(record.sandbox(place.id), keep_data=False, purge=True)
    return "gone"


def take_down_hub(record: ClassRecord) -> None:
    """What the class has for itself: its own lab, where there is one, its root and its secret."""
    if record.implicit:  # the lab of that name is somebody's own
        return
    if anything_of(record.name, known_to_engine()):
        take_down(record.name, keep_data=False, purge=True)
