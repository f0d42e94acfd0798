"""Carrying another roster out: who comes gets a place, who goes is archived."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from labctl.classes import registry
from labctl.classes.record import ClassRecord, Place
from labctl.work import class_snapshots, seats
from labctl.work.class_end import put_away_one
from labctl.work.class_many import Outcome, Report, at_a_time, jobs_for_host
from labctl.work.class_up import edge_told
from labctl.work.classes import RosterChange, at_home
from labctl.work.takedown import take_down


def carry_out(change: RosterChange, jobs: int, report: Report) -> tuple[Outcome, ...]:
    """Seat those who are new, take over new data, archive and remove those who are gone.

    A place is removed only once its work is kept; what became of each of these is returned.
    """
    record = change.record
    at_home(record)
    for one in change.successors:  # before anything of theirs is made
        _forget(record, one.id)
    if change.added or change.updated:
        record = registry.enrol(record.name, (*change.added, *change.updated))
    going = [place for place in record.seats if place.id in change.removed]
    outcomes = at_a_time(going, jobs or jobs_for_host(), partial(_removed, record, report), report)
    edge_told(report)
    return outcomes


def _forget(record: ClassRecord, student: str) -> None:
    """Remove what is kept of one who was removed, but for the archives, before the id is another's.

    LabctlError where something stays.
    """
    take_down(record.sandbox(student), keep_data=False, purge=True)
    seats.dismiss(record.sandbox(student), purge=True)
    class_snapshots.forget(record, student)


def _removed(record: ClassRecord, report: Report, place: Place) -> str:
    done = put_away_one(record, place, report)
    registry.change_place(record.name, place.id, lambda one: replace(one, state="removed"))
    return f"removed; {done}"
