"""The clock of classes: each tick sees who is there, warns before an end, archives at one.

A tick may come at any time and as often as it likes; one that comes while another is at work
leaves it alone.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from labctl.checks import bounded
from labctl.classes import life, registry
from labctl.classes.record import ClassRecord, Place
from labctl.engines.state import State
from labctl.errors import LabctlError
from labctl.render.compose import LABEL
from labctl.sandbox import VISITOR
from labctl.work import class_boot, class_work, classes
from labctl.work.activity import activity
from labctl.work.class_end import hub_down, put_away_one
from labctl.work.class_many import Report
from labctl.work.class_work import Container
from labctl.work.session import state_directory

TICKED = "ticked"  # when the last tick that came to its end began
_LOCK = "tick.lock"
_SECONDS = 10.0
_LOOKED_AT = 1 << 20


@dataclass(frozen=True, slots=True)
class Deed:
    """What a tick did for one sandbox: used, warned, or archived; or the trouble it had."""

    sandbox: str
    what: str
    trouble: str = ""


class Busy(LabctlError):
    """Another tick is at work."""


def tick(report: Report, now: Callable[[], float] = time.time) -> tuple[Deed, ...]:
    """See who is there, warn, archive; what was done. Busy where another tick is at work."""
    with _alone():
        began = now()
        deeds = _after_a_start(report)
        for record in limited():
            deeds += _of_class(record, now, report)
        (registry.home() / TICKED).write_text(str(int(began)))
    return tuple(deeds)


def _after_a_start(report: Report) -> list[Deed]:
    """Bring back what was up, at the first tick since the host was started."""
    if last() >= class_boot.started():
        return []
    return [
        Deed(f"{group}-{one.id}" if group and not one.shared else one.id, one.done, one.trouble)
        for group, one in class_boot.bring_back(report)
    ]


def _of_class(record: ClassRecord, now: Callable[[], float], report: Report) -> list[Deed]:
    """What is due for the sandboxes of a class, and for what they share once none is left."""
    classes.at_home(record)
    up, seen = class_work.by_lab(), activity()
    deeds: list[Deed] = []
    for place in record.active:
        containers = up.get(record.sandbox(place.id), ())
        if class_work.is_up(containers):
            deeds += _one(_Subject(record.name, place.id), containers, seen, now, report)
    if deeds:
        hub_down(record)
    return deeds


def limited() -> tuple[ClassRecord, ...]:
    """The classes that have limits: idle time or ends."""
    return tuple(
        record
        for record in registry.everything()
        if record.idle or record.until or any(place.until for place in record.active)
    )


def last() -> int:
    """When the last tick was, in seconds since 1970; 0 where none was."""
    try:
        return int((registry.home() / TICKED).read_text())
    except (OSError, ValueError):
        return 0


@contextmanager
def _alone() -> Iterator[None]:
    registry.home().mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(registry.home() / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Busy("another tick is at work", "nothing is to be done: it does the same") from None
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class _Subject:
    """Whose sandbox a tick looks at."""

    group: str
    id: str

    def today(self, seen: Mapping[str, float]) -> tuple[ClassRecord, Place] | None:
        """The class and the place as they are now, with when somebody was last seen there.

        None where that place is no longer on the roster.
        """

        def look(record: ClassRecord) -> ClassRecord:
            place, at = record.place(self.id), int(seen.get(record.sandbox(self.id), 0))
            return record.with_place(life.used(place, at)) if place else record

        record = registry.change(self.group, look) if registry.find(self.group) else None
        place = record.place(self.id) if record else None
        return (record, place) if record and place in record.active and place else None


def _one(
    who: _Subject,
    containers: Sequence[Container],
    seen: Mapping[str, float],
    now: Callable[[], float],
    report: Report,
) -> Iterator[Deed]:
    """What is due for one sandbox that is up; its trouble is nobody else's."""
    sandbox = f"{who.group}-{who.id}"
    try:
        before = who.today({})
        found = who.today(seen)
        if before is None or found is None:
            return
        record, place = found
        if place.used > before[1].used:
            yield Deed(sandbox, "used")
        what = life.step(record, place, int(now()))
        if what == "end":
            if done := _ended(who, now, report):
                yield Deed(sandbox, done)
        elif said := announce(record, place, containers, what == "warn"):
            yield Deed(sandbox, said)
    except LabctlError as error:
        yield Deed(sandbox, "", str(error))


def _ended(who: _Subject, now: Callable[[], float], report: Report) -> str:
    """Archive a sandbox unless it was given more time, or used, while others were; what was done.

    Nobody else works on it from the last look to its end.
    """
    with State(state_directory(f"{who.group}-{who.id}")).locked():
        found = who.today(activity())
        if found is None or life.step(*found, int(now())) != "end":
            return ""
        return put_away_one(*found, report)


def _run(command: Sequence[str]) -> bytes:
    return bounded.run(command, _SECONDS, limit=_LOOKED_AT, together=True).out


def announce(
    record: ClassRecord, place: Place, containers: Sequence[Container], ending: bool
) -> str:
    """Say on the student's machines that the end is near, or no longer; what was done."""
    end = life.end_of(record, place)
    text = life.announcement(record, end) if ending and end else ""
    done = [
        _noticed(one["Id"], text)
        for one in containers
        if one["State"] == "running" and one["Labels"].get(f"{LABEL}.machine") != VISITOR
    ]
    if not any(done):
        return ""
    return f"warned: {text}" if text else "renewed: the warning is gone"


_NOTICE = r"""
text=$1 file=$2
before=$(cat "$file" 2>/dev/null || true)
wanted=${text:+"printf '%s\n' $text"}
[ "$before" = "$wanted" ] && exit 0
if [ "$text" ]; then printf '%s\n' "$wanted" >"$file"; else rm -f "$file"; fi
echo changed
"""


def _noticed(container: str, text: str) -> bool:
    """Let a machine show a text to whoever logs in, "" for none; whether that is new."""
    quoted = shlex.quote(text) if text else ""
    ran = _run(["docker", "exec", container, "/bin/sh", "-euc", _NOTICE, "notice", quoted,
                class_work.NOTICE])  # fmt: skip
    return ran.strip() == b"changed"


def extend(record: ClassRecord, only: Sequence[str], more: life.More) -> ClassRecord:
    """Give a class, or some of its students, more time; the class as it is then."""
    classes.chosen(record, only)
    now = int(time.time())
    return registry.change(record.name, lambda one: life.extended(one, only, more, now))
