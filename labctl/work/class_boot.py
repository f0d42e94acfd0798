"""After the host has started anew: what was up comes back.

The engine starts containers again, but not those behind the edge: their doors were in memory.
"""

from __future__ import annotations

import time
from pathlib import Path

from labctl.classes import life, registry
from labctl.classes.record import ClassRecord
from labctl.engines.compose import Engine
from labctl.errors import LabctlError
from labctl.work import class_up, class_work, classes, edge, edge_home
from labctl.work.class_many import Outcome, Report, jobs_for_host

EDGE = "edge"


def started() -> float:
    """When this host started, in seconds since 1970 (proc_stat(5): btime); 0 where unknown."""
    try:
        lines = Path("/proc/stat").read_text().splitlines()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in lines if line.startswith("btime ")), 0.0)


def bring_back(report: Report) -> tuple[tuple[str, Outcome], ...]:
    """Bring up the edge and the sandboxes that were stopped but not taken down.

    What became of each by its name; `class down` leaves no container, so that is not undone.
    """
    found = [("", one) for one in _edge(report)]
    for record in registry.everything():
        found += [(record.name, one) for one in _class(record, report)]
    return tuple(found)


def _edge(report: Report) -> tuple[Outcome, ...]:
    if not Engine().containers(edge_home.lab_name()) or edge.is_up(Engine()):
        return ()
    try:
        edge.ensure(report)
    except LabctlError as error:
        return (Outcome(EDGE, trouble=str(error)),)
    return (Outcome(EDGE, "up again"),)


def _class(record: ClassRecord, report: Report) -> tuple[Outcome, ...]:
    classes.at_home(record)
    containers, now = class_work.by_lab(), int(time.time())
    stopped = [
        place
        for place in record.active
        if (mine := containers.get(record.sandbox(place.id))) and not class_work.is_up(mine)
        if place.state == "active" and not life.over(record, place, now)
    ]
    if not stopped:
        return ()
    try:
        return class_up.up(record, stopped, jobs_for_host(), report, lambda _: None)
    except LabctlError as error:
        return (Outcome(record.name, trouble=str(error), shared=True),)
