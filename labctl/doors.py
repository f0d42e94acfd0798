"""Doors: where a lab behind the edge has the unix sockets of its fronts and SSH servers.

A directory for each lab, on a file system in memory where the host has one: what a student puts
there is charged to their machine's memory, not to the host's disk. Anybody may write in a door,
for whoever does on a machine is no user of the host; nobody but its owner can enter the
directory around them.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path

from labctl.errors import LabctlError

INSIDE = "/run/door"  # where a machine sees its lab's door
HTTP, HTTPS = f"{INSIDE}/http.sock", f"{INSIDE}/https.sock"
_PATIENCE = 120.0  # seconds to remove a door
_MEMORY = Path("/dev/shm")  # noqa: S108 (a closed directory below it)


def home() -> Path:
    """Where all doors are: below HOSTING_LABCTL_DOORS, else below the host's memory."""
    said = os.environ.get("HOSTING_LABCTL_DOORS")
    base = Path(said).absolute() if said else _MEMORY / f"hosting-labctl-{os.getuid()}"
    return base / "doors"


def of(lab: str) -> Path:
    """The door of a lab."""
    return home() / lab


def hub(group: str, student: str = "") -> Path:
    """Where a class's own lab has its sockets for its students; those for one of them.

    They are no door: the edge does not see them, and they stay while a sandbox may look in.
    """
    place = home().parent / "hubs" / group
    return place / student if student else place


def ssh(machine: str) -> str:
    """The socket of a machine's SSH server, as the machine sees it."""
    return f"{INSIDE}/ssh-{machine}.sock"


def prepare(lab: str = "") -> None:
    """Make a lab's door, or only the place of all doors, where it is missing.

    LabctlError where somebody else has been there first.
    """
    base = home().parent
    base.parent.mkdir(parents=True, exist_ok=True)
    base.mkdir(mode=0o700, exist_ok=True)
    if base.is_symlink() or base.stat().st_uid != os.geteuid():
        raise LabctlError(
            f"{base} belongs to somebody else",
            "remove it, or name another directory by HOSTING_LABCTL_DOORS",
        )
    base.chmod(0o700)
    home().mkdir(mode=0o711, exist_ok=True)
    if lab:
        of(lab).mkdir(exist_ok=True)
        of(lab).chmod(0o777)  # the owner's umask must not matter


def prepare_hub(group: str, students: Iterable[str]) -> None:
    """Make the directories of a class's sockets for these students where they are missing."""
    prepare()
    hub(group).mkdir(mode=0o711, parents=True, exist_ok=True)
    for student in students:
        hub(group, student).mkdir(exist_ok=True)
        hub(group, student).chmod(0o777)  # as of a door


def remove_hub(group: str) -> None:
    """Remove a class's sockets for its students. Sandboxes that are up would not see new ones."""
    _remove(hub(group))


def remove(lab: str) -> bool:
    """Remove a lab's door with all that is in it; whether all of it is gone."""
    return _remove(of(lab))


def _remove(place: Path) -> bool:
    """Remove a tree that somebody else has made, of any depth, following no link: rm(1)."""
    if place.exists():
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                ["rm", "-rf", "--one-file-system", "--", str(place)],
                stderr=subprocess.DEVNULL,
                timeout=_PATIENCE,
                check=False,
            )
    return not place.exists()
