"""Carrying another roster out: who comes gets a place, who goes is archived."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from labctl.classes import registry
from labctl.classes.record import ClassRecord, Place
from labctl.work.class_end import put_away_one
from labctl.work.class_many import Outcome, Report, at_a_time, jobs_for_host
from labctl.work.class_up import edge_told
from labctl.work.classes import RosterChange, at_home


def carry_out(change: RosterChange, jobs: int, report: Report) -> tuple[Outcome, ...]:
    """Seat those who are new, take over new data, archive and remove those who are gone.

    A place is removed only once its work is kept; what became of each of these is returned.
    """
    record = change.record
    at_home(record)
    if change.added or change.updated:
        record = registry.enrol(record.name, (*change.added, *change.updated))
    going = [place for place in record.seats if place.id in change.removed]
    outcomes = at_a_time(going, jobs or jobs_for_host(), partial(_removed, record, report), report)
    edge_told(report)
    return outcomes


def _removed(record: ClassRecord, report: Report, place: Place) -> str:
    done = put_away_one(record, place, report)
    registry.change_place(record.name, place.id, lambda one: replace(one, state="removed"))
    return f"removed; {done}"
