"""Arguments of ``labctl class`` and ``labctl sandbox``: limits, times, who is meant."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime, time, timedelta
from typing import Any

from labctl.classes.life import HOUR
from labctl.model import Limits
from labctl.spec.fields import Cpus, Disk, Integer, Memory, Rate, Type, Wrong

LIMITS: dict[str, tuple[Type, str]] = {
    "cpus": (Cpus(), "processors, for example 0.5"),
    "memory": (Memory(), "memory, for example 256M"),
    "disk": (Disk(), "disk, for example 256M"),
    "processes": (Integer(8, 10_000), "how many processes may run"),
    "bandwidth": (Rate(), "bits per second in each direction, for example 10M"),
}


def read_as(kind: Type) -> Callable[[str], Any]:
    """Reads an argument as a field of a lab file would be."""

    def read(text: str) -> Any:
        try:
            return kind.read(text)
        except Wrong as wrong:
            hint = f" ({wrong.hint})" if wrong.hint else ""
            raise argparse.ArgumentTypeError(f"{wrong.message}{hint}") from None

    return read


def limits(parser: argparse.ArgumentParser) -> None:
    """What each sandbox may use."""
    for name, (kind, said) in LIMITS.items():
        parser.add_argument(
            f"--{name}", type=read_as(kind), metavar=name.upper(), default=0,
            help=f"{said}, for each sandbox",
        )  # fmt: skip


def limits_of(options: argparse.Namespace) -> Limits:
    """The limits that were said; 0 where nothing was."""
    return Limits(**{name: getattr(options, name) for name in LIMITS})


def only(parser: argparse.ArgumentParser) -> None:
    """Some students in place of all."""
    parser.add_argument(
        "--only", type=ids, default=(), metavar="ID,…", help="these students only, by id"
    )


def ids(text: str) -> tuple[str, ...]:
    """Ids with commas between them."""
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def jobs(parser: argparse.ArgumentParser) -> None:
    """How many at a time."""
    parser.add_argument(
        "--jobs", type=read_as(Integer(1, 200)), default=0, metavar="N",
        help="so many sandboxes at a time (what suits this host)",
    )  # fmt: skip


def yes(parser: argparse.ArgumentParser) -> None:
    """Agreeing beforehand."""
    parser.add_argument("--yes", action="store_true", help="do it without asking")


def hours(text: str) -> int:
    """A number of hours, in seconds."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.05 <= value <= 24 * 366:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of hours, for example 8")
    return int(value * HOUR)


def moment(text: str) -> int:
    """A date (its end) or a date and time, of this host's time zone; seconds since 1970."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a date, for example 2026-12-24 or 2026-12-24T18:00"
        ) from None
    if len(text) <= len("2026-12-24") and found.time() == time():
        found += timedelta(days=1)
    at = int(found.astimezone().timestamp())
    if at <= datetime.now().timestamp():
        raise argparse.ArgumentTypeError(f"{text} is over")
    return at
