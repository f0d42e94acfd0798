"""How long sandboxes live: when one ends, when that is said, and what renews it. Pure.

Times are seconds since 1970 (UTC), spans are seconds.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from labctl.classes.record import ClassRecord, Place

HOUR = 3600
DAY = 24 * HOUR
_LEAST_WARNING = 5 * 60
Step = Literal["none", "warn", "end"]


@dataclass(frozen=True, slots=True)
class End:
    """When a sandbox ends, and whether that is because nobody uses it."""

    at: int
    idle: bool


def end_of(record: ClassRecord, place: Place) -> End | None:
    """The nearest end of a sandbox that is up; None where it has none."""
    found = []
    if hard := place.until or record.until:
        found.append(End(hard, idle=False))
    if record.idle:
        found.append(End(place.used + record.idle, idle=True))
    return min(found, key=lambda end: end.at, default=None)


def warned_from(record: ClassRecord, end: End) -> int:
    """From when on the end is announced: a quarter of the idle time before, or a day."""
    before = max(record.idle // 4, _LEAST_WARNING) if end.idle else DAY
    return end.at - before


def step(record: ClassRecord, place: Place, now: int) -> Step:
    """What is due for a sandbox that is up."""
    end = end_of(record, place)
    if place.state != "active" or end is None or now < warned_from(record, end):
        return "none"
    return "end" if now >= end.at else "warn"


def over(record: ClassRecord, place: Place, now: int) -> bool:
    """Whether a sandbox has reached its hard end: it does not come up before that is moved."""
    hard = place.until or record.until
    return bool(hard) and now >= hard


def used(place: Place, now: int) -> Place:
    """A place in which somebody was just seen."""
    return replace(place, used=max(place.used, now))


@dataclass(frozen=True, slots=True)
class More:
    """More time: a new hard end, or a span from the one that there is; neither only renews."""

    until: int = 0
    by: int = 0

    def after(self, end: int, now: int) -> int:
        """The hard end in place of another, 0 for none."""
        return self.until or (max(end, now) + self.by if end else 0)


def extended(record: ClassRecord, only: Collection[str], more: More, now: int) -> ClassRecord:
    """A class with more time for some students, or for all where ``only`` names none.

    For all the end that they share moves; who has one of their own loses nothing by it.
    """
    if only:
        seats = (
            _longer(place, more.after(place.until or record.until, now), now)
            if place.id in only
            else place
            for place in record.seats
        )
        return replace(record, seats=tuple(seats))
    whole = replace(record, until=more.after(record.until, now))
    return replace(whole, seats=tuple(_with_all(place, whole, more, now) for place in record.seats))


def _longer(place: Place, until: int, now: int) -> Place:
    return replace(place, used=max(place.used, now), until=until)


def _with_all(place: Place, record: ClassRecord, more: More, now: int) -> Place:
    own = max(place.until, more.after(place.until, now)) if place.until else 0
    return _longer(place, own if own > record.until else 0, now)


def announcement(record: ClassRecord, end: End) -> str:
    """What a student is told."""
    when = moment(end.at)
    if end.idle:
        span = f"{record.idle / HOUR:g} hours"
        return f"Nobody has used this sandbox for a while. Unused for {span} it ends, at {when}."
    return f"This sandbox ends at {when}."


def moment(at: int) -> str:
    """A time for people."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
