"""Snapshots of sandboxes: a student's work as it was at a time, to go back to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from labctl.classes import registry
from labctl.classes.record import ClassRecord, Place
from labctl.errors import LabctlError
from labctl.spec.problems import nearest
from labctl.work import class_work
from labctl.work.bring import bring_up
from labctl.work.execute import Report
from labctl.work.session import Choices
from labctl.work.takedown import take_down

_END = ".tar.gz"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A snapshot by name; ``size`` in bytes."""

    name: str
    size: int


def take(record: ClassRecord, place: Place, name: str) -> Snapshot:
    """Keep a student's work under a name, or under the time where it is "".

    LabctlError where there is a snapshot of that name.
    """
    name = name or f"at-{class_work.stamp().lower()}"
    path = _folder(record, place) / f"{name}{_END}"
    if path.exists():
        raise LabctlError(f"{place.id} has a snapshot '{name}'", "take another name", status=2)
    about = {"class": record.name, "id": place.id, "snapshot": name}
    return Snapshot(name, class_work.take(record.sandbox(place.id), path, about))


def snapshots(record: ClassRecord, place: Place) -> tuple[Snapshot, ...]:
    """All snapshots of a student's sandbox, the oldest first."""
    found = sorted(_folder(record, place).glob(f"[a-z]*{_END}"), key=lambda p: p.stat().st_mtime)
    return tuple(Snapshot(path.name.removesuffix(_END), path.stat().st_size) for path in found)


def restore(record: ClassRecord, place: Place, name: str, report: Report) -> None:
    """Make a sandbox what it was: a new one, with the work of that time.

    LabctlError where there is no such snapshot; nothing is touched then.
    """
    known = [one.name for one in snapshots(record, place)]
    if name not in known:
        hint = (
            nearest(name, known) or f"`labctl sandbox snapshot {record.name} {place.id}` takes one"
        )
        raise LabctlError(f"{place.id} has no snapshot '{name}'", hint, status=2)
    sandbox = record.sandbox(place.id)
    take_down(sandbox, keep_data=False, purge=False)
    bring_up(sandbox, Choices(), (), report, lambda *_: None)
    class_work.put_back(sandbox, _folder(record, place) / f"{name}{_END}", report)


def _folder(record: ClassRecord, place: Place) -> Path:
    return registry.folder(record.name) / "snapshots" / place.id
