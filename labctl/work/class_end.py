"""Stopping the sandboxes of a class, archiving them, making them new, removing all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from labctl.classes import registry
from labctl.classes.record import ClassRecord, Place
from labctl.classes.record import State as Standing
from labctl.engines import disks
from labctl.engines.compose import Engine
from labctl.engines.state import State
from labctl.errors import LabctlError
from labctl.work import class_work, seats
from labctl.work.class_many import Outcome, Report, at_a_time
from labctl.work.class_turns import nobody_comes_up
from labctl.work.class_up import Say, bring_one_up, edge_told, up
from labctl.work.class_work import archive
from labctl.work.leftovers import anything_of, known_to_engine, of_lab
from labctl.work.session import Session, state_directory
from labctl.work.takedown import take_down

_DOWN = "down"


def hub_down(record: ClassRecord) -> None:
    """Stop what the class shares once no sandbox is left that uses it; its data stays."""
    with nobody_comes_up(record.name) as sure:
        up = class_work.by_lab() if sure else {}
        if record.name in up and not any(record.sandbox(place.id) in up for place in record.seats):
            take_down(record.name, keep_data=True, purge=False)


def down(record: ClassRecord, places: Sequence[Place], jobs: int, report: Report
         ) -> tuple[Outcome, ...]:  # fmt: skip
    """Stop sandboxes; nothing that is on their disks is lost."""
    outcomes = at_a_time(places, jobs, partial(_down_one, record, report=report), report)
    disks.detach_all(record.sandbox(one.id) for one in outcomes if one.done == _DOWN)
    hub_down(record)
    return outcomes


def _down_one(record: ClassRecord, place: Place, report: Report) -> str:
    sandbox = record.sandbox(place.id)
    if not Engine().containers(sandbox):
        return "was down"
    with State(state_directory(sandbox)).locked():
        if not _sealed(sandbox):  # what is not on its disks would be lost
            _kept(record, place, report)
        take_down(sandbox, keep_data=True, purge=False, detach=False)
    return _DOWN


def _sealed(sandbox: str) -> bool:
    """Whether all that a student can write to is on volumes."""
    machines = Session(sandbox, dry=True, running=True).lab.machines.values()
    return all(machine.sealed for machine in machines if not machine.visiting)


def _kept(record: ClassRecord, place: Place, report: Report, state: Standing = "active") -> str:
    """Archive the work of a sandbox; the archive's name. The place has that state from then on."""
    report(place.id, "archiving")
    name = f"{place.id}-{class_work.stamp()}.tar.gz"
    about = {"class": record.name, "id": place.id, "name": place.student.name}
    class_work.take(record.sandbox(place.id), archive(record, name), about, ending=True)
    registry.change_place(record.name, place.id, partial(replace, restore=name, state=state))
    return name


def put_away(record: ClassRecord, places: Sequence[Place], jobs: int, report: Report
             ) -> tuple[Outcome, ...]:  # fmt: skip
    """Archive the work of sandboxes and remove them; `up` brings them back with it."""
    outcomes = at_a_time(places, jobs, partial(put_away_one, record, report=report), report)
    hub_down(record)
    return outcomes


def put_away_one(record: ClassRecord, place: Place, report: Report) -> str:
    """Archive one sandbox, starting it where it is down with data; what was done.

    It is gone only once its archive is whole. Nobody brings it up meanwhile.
    """
    sandbox = record.sandbox(place.id)
    with State(state_directory(sandbox)).locked():
        return _put_away(record, registry.get(record.name).place(place.id) or place, report)


def _put_away(record: ClassRecord, place: Place, report: Report) -> str:
    sandbox = record.sandbox(place.id)
    if not of_lab(sandbox):
        if place.state == "active":
            registry.change_place(record.name, place.id, partial(replace, state="archived"))
        return "archived before" if place.restore else "was never up"
    if not class_work.made(Session(sandbox, dry=True, running=True)):
        _made(record, place, report)
    name = _kept(record, place, report, "archived")
    take_down(sandbox, keep_data=False, purge=False)
    return f"archived: {name}"


def _made(record: ClassRecord, place: Place, report: Report) -> None:
    """Let there be machines for a sandbox's disks; it does not matter how well they run."""
    try:
        bring_one_up(record, place, report)
    except LabctlError:
        if not class_work.made(Session(record.sandbox(place.id), dry=True, running=True)):
            raise


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
        for place in record.seats:
            seats.dismiss(record.sandbox(place.id), purge=True)
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
