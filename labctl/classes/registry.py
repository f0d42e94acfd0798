"""The classes of this host: a folder each below the data directory, kept over a crash.

``<data>/classes/<class>/class.json``, mode 0600, written whole by one labctl at a time.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from labctl.classes import record as records
from labctl.classes.record import ClassRecord, Place, clashes
from labctl.classes.roster import Student
from labctl.errors import LabctlError
from labctl.keep import data_home
from labctl.keep.files import CLASS, Files, explained, locked
from labctl.model import Seat

MARKS = ".sandboxes"


def home() -> Path:
    """Where all classes are kept."""
    return data_home() / "classes"


def folder(name: str) -> Path:
    """What is kept of one class: its record, its archives, its runs."""
    return home() / name


def names() -> tuple[str, ...]:
    """The names of all classes."""
    return tuple(sorted(path.parent.name for path in home().glob(f"*/{CLASS}")))


def find(name: str) -> ClassRecord | None:
    """A class, or None; LabctlError where its record is damaged."""
    path = folder(name) / CLASS
    try:
        seen = path.stat()
    except (OSError, ValueError):
        return None
    return _read(path, seen.st_mtime_ns, seen.st_ino, seen.st_size)


@lru_cache(maxsize=16)
def _read(path: Path, *_seen: int) -> ClassRecord | None:
    """The class of a record that has not changed since it was looked at."""
    data = Files(path.parent, write=False).read(CLASS)
    try:
        return records.from_json(data) if data is not None else None
    except (KeyError, TypeError, ValueError):
        raise LabctlError(
            f"{path} is of another version of labctl", "use that one, or restore a backup"
        ) from None


def get(name: str) -> ClassRecord:
    """A class; LabctlError that names those that there are."""
    found = find(name)
    if found is None:
        from labctl.spec.problems import nearest, shown

        hint = nearest(name, names()) or "`labctl class create` makes one"
        raise LabctlError(f"there is no class '{shown(name)}'", hint, status=2)
    return found


def everything() -> tuple[ClassRecord, ...]:
    """All classes."""
    return tuple(found for name in names() if (found := find(name)))


def seat_of(lab: str) -> tuple[ClassRecord, Seat] | None:
    """The class that a lab is a sandbox of, with its seat there; None where it is none.

    A few looks at the file system: a sandbox is called ``<class>-<id>``, and both may have
    hyphens.
    """
    at = lab.find("-")
    while at > 0:
        found = find(lab[:at])
        if found and found.place(lab[at + 1 :]):
            return found, found.seat(lab[at + 1 :])
        at = lab.find("-", at + 1)
    return None


def create(record: ClassRecord, students: Iterable[Student]) -> ClassRecord:
    """Keep a new class, its students seated. LabctlError where there is one of that name."""
    with locked(home()):
        others = everything()
        if any(other.name == record.name for other in others):
            hint = f"`labctl class roster {record.name} FILE` changes who is in it"
            raise LabctlError(f"there is a class '{record.name}' already", hint, status=2)
        return _save(record, students, others)


def enrol(name: str, students: Iterable[Student]) -> ClassRecord:
    """Give students a place, or new data to the place that they have."""
    with locked(home()):
        others = tuple(other for other in everything() if other.name != name)
        return _save(get(name), students, others)


def _save(
    record: ClassRecord, students: Iterable[Student], others: tuple[ClassRecord, ...]
) -> ClassRecord:
    wanted = tuple(students)
    refuse(clashes(record.name, (student.id for student in wanted), others, ()))
    numbers = {place.number for other in others for place in other.seats}
    seated = records.seated(record, wanted, numbers)
    records.check_numbers((*others, seated))
    _mark(seated)
    return _write(seated)


def _mark(record: ClassRecord) -> None:
    """Remember the names of sandboxes beside the record: were it lost, they are still ours."""
    marks = home() / MARKS
    with explained(marks):
        marks.mkdir(mode=0o700, exist_ok=True)
        for place in record.seats:
            (marks / record.sandbox(place.id)).touch(mode=0o600)


def marked() -> tuple[str, ...]:
    """The names of all sandboxes that classes of this data directory have had, and not removed."""
    return tuple(sorted(path.name for path in (home() / MARKS).glob("*")))


def unmark(sandbox: str) -> None:
    """Nothing is left of a sandbox."""
    (home() / MARKS / sandbox).unlink(missing_ok=True)


def refuse(reasons: dict[str, str]) -> None:
    """LabctlError with all reasons, where there is one."""
    if reasons:
        lines = [f"{student}: {why}" for student, why in reasons.items()]
        raise LabctlError("\n".join(lines), "give the class another name", status=2)


def change(name: str, how: Callable[[ClassRecord], ClassRecord]) -> ClassRecord:
    """Change a class; what it is now. Nobody else changes it meanwhile."""
    with locked(home()):
        before = get(name)
        after = how(before)
        return _write(after) if after != before else before


def change_place(name: str, student: str, how: Callable[[Place], Place]) -> ClassRecord:
    """Change the place of one student, where there is one."""

    def one(record: ClassRecord) -> ClassRecord:
        place = record.place(student)
        return record.with_place(how(place)) if place else record

    return change(name, one)


def _write(record: ClassRecord) -> ClassRecord:
    place = folder(record.name)
    with explained(place):
        place.mkdir(mode=0o700, exist_ok=True)
    Files(place, write=True).save(CLASS, records.as_json(record))
    return record


def forget(name: str) -> None:
    """Remove all that is kept of a class: the record first, so that half of it is no class."""
    with locked(home()), explained(folder(name)):
        for place in get(name).seats:
            unmark(f"{name}-{place.id}")
        (folder(name) / CLASS).unlink(missing_ok=True)
        shutil.rmtree(folder(name), ignore_errors=True)
