"""Doors: where a lab behind the edge has the unix sockets of its fronts and SSH servers.

A directory for each lab, on a file system in memory where the host has one: what a student puts
there is charged to their machine's memory, not to the host's disk.
"""

from __future__ import annotations

import os
from pathlib import Path

INSIDE = "/run/door"  # where a machine sees its lab's door
_MEMORY = Path("/dev/shm")  # noqa: S108 (a closed directory below it)


def home() -> Path:
    """Where all doors are: HOSTING_LABCTL_DOORS, else below the host's memory."""
    said = os.environ.get("HOSTING_LABCTL_DOORS")
    if said:
        return Path(said).absolute()
    return _MEMORY / f"hosting-labctl-{os.getuid()}" / "doors"


def of(lab: str) -> Path:
    """The door of a lab."""
    return home() / lab
