"""The kept runs of a lab: one file each in its data directory, made once and never changed."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from labctl.grades.run import Run, as_json, from_json
from labctl.keep.files import explained

FOLDER = "runs"
_MAX_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one run brought for an exercise."""

    time: str
    points: int
    of: int


def stamped(now: datetime | None = None) -> tuple[str, str]:
    """The time of a run that begins now, and an id for it."""
    now = (now or datetime.now(UTC)).astimezone(UTC)
    whole = now.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{now.microsecond // 1000:03}Z", secrets.token_hex(6)


def save(run: Run, home: Path) -> Path:
    """Keep a run below a lab's data directory; where. LabctlError where that cannot be done."""
    folder = home / FOLDER
    path = folder / f"{run.time.replace(':', '')}-{run.id}.json"
    with explained(path):
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        content = json.dumps(as_json(run), indent=1, ensure_ascii=False).encode() + b"\n"
        temporary = path.with_suffix(".new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(temporary, flags, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # unlike a rename it replaces nothing
        temporary.unlink()
    return path


def runs(home: Path) -> tuple[Run, ...]:
    """All kept runs, the oldest first; a file that is no run is left out."""
    found = []
    for path in sorted((home / FOLDER).glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
            if path.stat().st_size <= _MAX_BYTES:
                found.append(from_json(json.loads(path.read_bytes())))
    return tuple(sorted(found, key=lambda run: run.time))


def attempts(kept: Iterable[Run], exercise: str, target: str = "") -> tuple[Attempt, ...]:
    """What each run that asked about an exercise brought, the oldest first.

    Of runs in the lab itself, or of those that asked one ``target`` in its place.
    """
    same = (run for run in kept if run.target == target)
    found = ((run, group) for run in same for group in run.groups if group.name == exercise)
    return tuple(Attempt(run.time, group.points, group.of) for run, group in found)


def forget(home: Path) -> int:
    """Remove all kept runs; how many there were."""
    folder, gone = home / FOLDER, 0
    with explained(folder):
        for path in [*folder.glob("*.json"), *folder.glob("*.new")]:
            path.unlink(missing_ok=True)
            gone += path.suffix == ".json"
        with contextlib.suppress(FileNotFoundError):
            folder.rmdir()
    return gone
