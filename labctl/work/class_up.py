"""Bringing the sandboxes of a class up: what the host has first, then many at a time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from labctl import shared
from labctl.classes import capacity, life, registry
from labctl.classes.capacity import Free, Wanted
from labctl.classes.record import ClassRecord, Place
from labctl.engines import api
from labctl.engines.compose import Engine
from labctl.engines.dockerfile import own_recipe, reference
from labctl.engines.state import State
from labctl.errors import LabctlError
from labctl.work import class_restore, class_snapshots, class_work, leftovers, limiting
from labctl.work.bring import bring_up
from labctl.work.class_many import Outcome, Report, at_a_time
from labctl.work.class_turns import coming_up
from labctl.work.classes import spec_of
from labctl.work.execute import build_images
from labctl.work.session import Choices, Session, state_directory
from labctl.work.takedown import take_down

Say = Callable[[str], None]


def up(record: ClassRecord, places: Sequence[Place], jobs: int, report: Report, warn: Say
       ) -> tuple[Outcome, ...]:  # fmt: skip
    """Bring sandboxes up, those with an archive with their work in it.

    Before the first container starts ``warn`` is told what may not suffice, and LabctlError is
    raised where something does not. Who is past the end stays as they are.
    """
    now = int(time.time())
    late = _ended(record, places, now)
    ended = {outcome.id for outcome in late}
    places = [place for place in places if place.id not in ended]
    if not places:
        return late
    with coming_up(record.name):
        return (*_up(record, places, jobs, report, warn), *late)


def _up(record: ClassRecord, places: Sequence[Place], jobs: int, report: Report, warn: Say
        ) -> tuple[Outcome, ...]:  # fmt: skip
    now = int(time.time())
    session = Session(record.sandbox(places[0].id), dry=True)
    starting = _not_running(record, places)
    for word in capacity.judge(wanted(session, len(starting)), free()):
        if word.kind == "refuse":
            raise LabctlError(
                word.text, "bring fewer up: --only s01,s02; or give each less: --memory"
            )
        warn(word.text)
    build_images(session, Engine(), report)
    limiting.attach_alike(session, [record.sandbox(place.id) for place in starting])
    _edge(report)
    ids = {place.id for place in places}
    record = registry.change(record.name, lambda one: _in_use(one, ids, now))
    again = [place for place in record.seats if place.id in ids]
    work = partial(bring_one_up, record, report=report)
    with ThreadPoolExecutor(1) as beside:  # neither needs the other to start
        hub = beside.submit(_hub_up, record, report)
        outcomes = at_a_time(again, jobs, work, report)
    return (*hub.result(), *outcomes)


def has_hub(record: ClassRecord) -> bool:
    """Whether a class has a lab of its own: services that its students share."""
    return not record.implicit and bool(shared.names(spec_of(record), record.own))


def _hub_up(record: ClassRecord, report: Report) -> tuple[Outcome, ...]:
    """Bring up what the class shares, with its students of today; the trouble where there is."""
    if not has_hub(record):
        return ()

    def tell(machine: str, state: str) -> None:
        report("shared", f"{machine}: {state}")

    try:
        bring_up(record.name, Choices(), (), tell, lambda *_: None)
    except LabctlError as error:
        return (Outcome(record.name, trouble=f"what the class shares: {error}", shared=True),)
    return ()


def _ended(record: ClassRecord, places: Iterable[Place], now: int) -> tuple[Outcome, ...]:
    """Those who are past their end, with what is to be said of that."""
    return tuple(
        Outcome(
            place.id,
            trouble=f"past its end; `labctl class extend {record.name} --only {place.id}"
            " --until DATE` gives it more time",
        )
        for place in places
        if life.over(record, place, now)
    )


def _in_use(record: ClassRecord, ids: set[str], now: int) -> ClassRecord:
    """The class once these sandboxes are being brought up: the idle time begins."""
    seats = (
        replace(life.used(place, now), state="active") if place.id in ids else place
        for place in record.seats
    )
    return replace(record, seats=tuple(seats))


def _not_running(record: ClassRecord, places: Iterable[Place]) -> list[Place]:
    containers = class_work.by_lab()
    return [p for p in places if not class_work.is_up(containers.get(record.sandbox(p.id), ()))]


def wanted(session: Session, sandboxes: int) -> Wanted:
    """What so many sandboxes like this one need of the host."""
    mine = [machine for machine in session.lab.machines.values() if not machine.visiting]
    recipe, there = own_recipe(), api.image_references()
    images = {reference(m.packages, recipe, m.extra) for m in session.lab.machines.values()}
    return Wanted(
        sandboxes,
        len(mine),
        sum(machine.limits.memory for machine in mine),
        sum(machine.limits.disk for machine in mine),
        len(images - there),
    )


def free() -> Free:
    """What this host has to give."""
    from labctl.host import facts

    info = json.loads(api.call("GET", "/info"))
    memory = facts.available_memory(Path("/proc/meminfo").read_text())
    return Free(memory, facts.free_disk(str(info.get("DockerRootDir", ""))))


def _edge(report: Report) -> None:
    """The edge and the bastion, before anybody can be behind them."""
    from labctl.work import edge

    edge.ensure(report)


def edge_told(report: Report) -> None:
    """Let an edge that is up know which classes and keys there are now."""
    from labctl.work import edge

    if edge.is_up(Engine()):
        edge.ensure(report)


def bring_one_up(record: ClassRecord, place: Place, report: Report) -> str:
    """Bring one sandbox up, with its work where that was kept; what was done.

    Work is put back only where there is nothing: never over what was done since.
    """
    sandbox = record.sandbox(place.id)

    def tell(machine: str, state: str) -> None:
        if state not in ("ready", "not ready"):
            report(place.id, f"{machine}: {state}")

    with State(state_directory(sandbox)).locked():
        active = partial(replace, state="active")
        place = registry.change_place(record.name, place.id, active).place(place.id) or place
        if place.restore and leftovers.empty(sandbox):
            return _with_work(record, place, tell)
        planned = bring_up(sandbox, Choices(), (), tell, lambda *_: None)
        if not place.restore:
            return "up" if planned.plan.empty else "ready"
        name = class_snapshots.adopt(record, place)
        _restored(record, place)
    again = f"`labctl sandbox restore {record.name} {place.id} {name}`"
    return f"ready; its archive was not put over what was there: {again} does that"


def _with_work(record: ClassRecord, place: Place, tell: Report) -> str:
    """Bring a sandbox up of which there is nothing, with its work; all of that, or nothing."""
    sandbox, archive = record.sandbox(place.id), class_work.archive(record, place.restore)
    class_restore.verify(archive)
    try:
        bring_up(sandbox, Choices(), (), tell, lambda *_: None)
        class_restore.put_back(sandbox, archive, tell)
    except LabctlError:
        take_down(sandbox, keep_data=False, purge=False)
        raise
    _restored(record, place)
    return "ready, with its work back"


def _restored(record: ClassRecord, place: Place) -> None:
    registry.change_place(record.name, place.id, lambda one: replace(one, restore=""))
