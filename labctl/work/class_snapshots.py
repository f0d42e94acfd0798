"""Snapshots of sandboxes: a student's work as it was at a time, to go back to."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from labctl.classes import registry
from labctl.classes.record import ClassRecord, Place
from labctl.engines.state import State
from labctl.errors import LabctlError
from labctl.keep.files import explained
from labctl.spec.problems import nearest
from labctl.work import class_restore, class_work
from labctl.work.bring import bring_up
from labctl.work.execute import Report
from labctl.work.session import Choices, Session, state_directory
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

    What is there now is kept as a snapshot. LabctlError where there is no such snapshot, or it
    is damaged; nothing is touched then.
    """
    known = [one.name for one in snapshots(record, place)]
    if name not in known:
        hint = (
            nearest(name, known) or f"`labctl sandbox snapshot {record.name} {place.id}` takes one"
        )
        raise LabctlError(f"{place.id} has no snapshot '{name}'", hint, status=2)
    sandbox, path = record.sandbox(place.id), _folder(record, place) / f"{name}{_END}"
    class_restore.verify(path)
    with State(state_directory(sandbox)).locked():
        if class_work.made(Session(sandbox, dry=True, running=True)):
            take(record, place, f"before-{class_work.stamp().lower()}")
        take_down(sandbox, keep_data=False, purge=False)
        bring_up(sandbox, Choices(), (), report, lambda *_: None)
        class_restore.put_back(sandbox, path, report)


def adopt(record: ClassRecord, place: Place) -> str:
    """Make the archive that waits for a sandbox a snapshot of it; its name."""
    archive = class_work.archive(record, place.restore)
    name = f"archive-{archive.name.removesuffix(_END).lower()}"
    path = _folder(record, place) / f"{name}{_END}"
    with explained(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.hardlink_to(archive)
    return name


def forget(record: ClassRecord, student: str) -> None:
    """Remove all snapshots of a student."""
    shutil.rmtree(registry.folder(record.name) / "snapshots" / student, ignore_errors=True)


def _folder(record: ClassRecord, place: Place) -> Path:
    return registry.folder(record.name) / "snapshots" / place.id
