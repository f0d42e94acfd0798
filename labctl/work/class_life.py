"""The clock of classes: each tick sees who is there, warns before an end, archives at one.

A tick may come at any time and as often as it likes; one that comes while another is at work
leaves it alone.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from labctl.checks import bounded
from labctl.classes import life, registry
from labctl.classes.record import ClassRecord, Place
from labctl.errors import LabctlError
from labctl.render.compose import LABEL
from labctl.sandbox import VISITOR
from labctl.work import class_work, classes
from labctl.work.class_end import hub_down, put_away_one
from labctl.work.class_many import Report
from labctl.work.class_work import Container

TICKED = "ticked"  # when the last tick came to its end
_LOCK = "tick.lock"
_SECONDS = 10.0
_CONNECTED = "01"  # proc_net_tcp: TCP_ESTABLISHED
_LOOK = "cat /proc/net/tcp /proc/net/tcp6 /proc/[0-9]*/comm 2>/dev/null"
# a request in the front's log (labctl's own question apart), a login in that of the SSH server
_USED = re.compile(
    rb'^\S+ (?!ready\.invalid )\S+ "[^"\n]*" [0-9]{3} |^Accepted publickey ', re.MULTILINE
)
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
        up = class_work.by_lab()
        since = last()
        deeds: list[Deed] = []
        for record in limited():
            deeds += _of_class(record, up, since, now, report)
        (registry.home() / TICKED).write_text(str(int(now())))
    return tuple(deeds)


def _of_class(
    record: ClassRecord,
    up: Mapping[str, Sequence[Container]],
    since: int,
    now: Callable[[], float],
    report: Report,
) -> list[Deed]:
    """What is due for the sandboxes of a class, and for what they share once none is left."""
    deeds: list[Deed] = []
    for place in record.active:
        containers = up.get(record.sandbox(place.id), ())
        if class_work.is_up(containers):
            deeds += _one(record, place, containers, since, now, report)
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


def _one(
    record: ClassRecord,
    place: Place,
    containers: Sequence[Container],
    since: int,
    now: Callable[[], float],
    report: Report,
) -> Iterator[Deed]:
    """What is due for one sandbox that is up; its trouble is nobody else's."""
    sandbox = record.sandbox(place.id)
    try:
        if record.idle and in_use(containers, since):
            changed = registry.change_place(
                record.name, place.id, lambda one: life.used(one, int(now()))
            )
            record, place = changed, changed.place(place.id) or place
            yield Deed(sandbox, "used")
        what = life.step(record, place, int(now()))
        if what == "end":
            classes.at_home(record)
            yield Deed(sandbox, put_away_one(record, place, report))
        elif said := announce(record, place, containers, what == "warn"):
            yield Deed(sandbox, said)
    except LabctlError as error:
        yield Deed(sandbox, "", str(error))


def in_use(containers: Sequence[Container], since: int) -> bool:
    """Whether somebody is in a sandbox now, or was there since a time."""
    mine = [one["Id"] for one in containers if one["State"] == "running"]
    return any(_connected(one) or _was_there(one, since) for one in mine)


def _connected(container: str) -> bool:
    """Whether somebody is logged in by SSH, or a program of the machine has a connection open.

    What comes through the door is in no table of the machine's own network; but a WebSocket, or
    a request that is being answered, is a connection from the front to the application.
    """
    ran = _run(["docker", "exec", container, "/bin/sh", "-c", _LOOK])
    rows = (line.split() for line in ran.decode(errors="replace").splitlines())
    return any(
        (len(row) == 1 and row[0].startswith("sshd")) or (len(row) > 3 and row[3] == _CONNECTED)
        for row in rows
    )


def _was_there(container: str, since: int) -> bool:
    """Whether the log tells of a request or a login since a time."""
    ran = _run(["docker", "logs", f"--since={since}", "--tail=2000", container])
    return bool(_USED.search(ran))


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
