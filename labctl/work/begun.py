"""Which exercises have been begun in a sandbox: noted in its class's record, not on its machines.

A student is root on those and could say anything. The note goes with the work: into each archive
and snapshot, back with it, and away with the volumes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from labctl.classes import registry


def begun(lab: str) -> tuple[str, ...]:
    """The names of the exercises begun in a sandbox; none in a lab that is no sandbox."""
    found = registry.seat_of(lab)
    place = found[0].place(found[1].id) if found else None
    return place.begun if place else ()


def note(lab: str, names: Iterable[str]) -> None:
    """Let these be the exercises that are begun in a sandbox; nothing for any other lab."""
    found = registry.seat_of(lab)
    if found:
        wanted = tuple(sorted(set(names)))
        registry.change_place(found[0].name, found[1].id, lambda one: replace(one, begun=wanted))


def add(lab: str, name: str) -> None:
    """One more is begun."""
    note(lab, (*begun(lab), name))


def remove(lab: str, name: str) -> None:
    """One is put back."""
    note(lab, (one for one in begun(lab) if one != name))


def restored(lab: str, about: bytes) -> None:
    """Note what an archive, of which this is ``about.json``, says of the work in it."""
    said = json.loads(about)
    note(lab, said.get("begun", ()))
