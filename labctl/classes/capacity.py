"""Whether a host has room for sandboxes, before the first one starts. Pure.

Amounts are bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from labctl.amounts import size

MIB = 2**20
# measured with 200 sandboxes of lab1 on one host (docs/classes.md): 17 MB of memory each with the
# engine's shim and what the kernel keeps for it, 15 MB of disk; a half more, for other labs
IDLE = 26 * MIB
FRESH = 24 * MIB  # what a new machine writes to its disk
IMAGE = 150 * MIB
SPARE = 256 * MIB  # what the host itself needs to go on


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be started: sandboxes, their machines, and the limits of one sandbox.

    ``images`` are still to be built.
    """

    sandboxes: int
    machines: int
    memory: int
    disk: int
    images: int = 0


@dataclass(frozen=True, slots=True)
class Free:
    """What the host has: memory that programs can get, and free disk; None where unknown."""

    memory: int | None
    disk: int | None


@dataclass(frozen=True, slots=True)
class Word:
    """What is to be said: a refusal, or a warning."""

    kind: Literal["refuse", "warn"]
    text: str


def judge(wanted: Wanted, free: Free) -> tuple[Word, ...]:
    """Everything that is to be said of the host's room; nothing where it is plenty."""
    if not wanted.sandboxes:
        return ()
    return (*_memory(wanted, free.memory), *_disk(wanted, free.disk))


def _memory(wanted: Wanted, free: int | None) -> Iterable[Word]:
    if free is None:
        return
    idle = wanted.sandboxes * wanted.machines * IDLE + SPARE
    most = wanted.sandboxes * wanted.memory
    who = _who(wanted)
    if idle > free:
        text = f"{who} need at least {size(idle)} of memory, idle; {size(free)} are available"
        yield Word("refuse", text)
    elif most > free:
        yield Word(
            "warn",
            f"{who} may use {size(most)} of memory ({size(wanted.memory)} each);"
            f" {size(free)} are available: enough while not all are busy",
        )


def _disk(wanted: Wanted, free: int | None) -> Iterable[Word]:
    if free is None:
        return
    images = wanted.images * IMAGE
    least = wanted.sandboxes * wanted.machines * FRESH + images + SPARE
    most = wanted.sandboxes * wanted.disk + images
    who = _who(wanted)
    built = f" and {wanted.images} images to build" if wanted.images else ""
    if least > free:
        text = f"{who}{built} need at least {size(least)} of disk; {size(free)} are free"
        yield Word("refuse", text)
    elif most > free:
        yield Word(
            "warn",
            f"{who}{built} may use {size(most)} of disk; {size(free)} are free:"
            " enough while their disks are not full",
        )


def _who(wanted: Wanted) -> str:
    return "1 sandbox" if wanted.sandboxes == 1 else f"{wanted.sandboxes} sandboxes"
