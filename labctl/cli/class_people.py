"""``labctl class create``, ``roster`` and ``list``: who is in a class."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from labctl.cli import class_arguments as words
from labctl.cli.output import say_json, table
from labctl.people import safe

if TYPE_CHECKING:
    from labctl.classes.record import ClassRecord, Place
    from labctl.classes.roster import Student
    from labctl.work.classes import RosterChange

WOULD = 3  # the exit status of a change that was shown and not made, as of `plan`


def create(options: argparse.Namespace) -> int:
    """Make a class; no sandbox is up yet."""
    from labctl.work.classes import Wish, create

    wish = Wish(
        options.name, options.lab, options.domain or "", options.on, tuple(options.own),
        words.limits_of(options), options.idle, options.until,
    )  # fmt: skip
    record = create(wish, options.roster)
    if options.json:
        say_json(described(record))
        return 0
    print(f"{record.name}: {_students(len(record.active))} with a sandbox of {record.lab} each")
    print(f"below {record.domain}, on {record.platform}")
    print(f"`labctl class up {record.name}` brings them up")
    return 0


def described(record: ClassRecord) -> dict[str, Any]:
    """A class for scripts."""
    from dataclasses import asdict

    known = asdict(record)
    known["seats"] = [seat_json(record, place) for place in record.seats]
    return known


def seat_json(record: ClassRecord, place: Place) -> dict[str, Any]:
    """A place for scripts."""
    from dataclasses import asdict

    student = asdict(place.student)
    return {**student, "sandbox": record.sandbox(place.id), "number": place.number,
            "state": place.state, "archive": place.restore}  # fmt: skip


def roster(options: argparse.Namespace) -> int:
    """Take over another roster; where somebody goes, or has another's id, only when agreed to."""
    from labctl.work.classes import compare_roster

    change = compare_roster(options.name, options.file)
    wait = bool(change.removed or change.successors) and not options.yes
    if not options.json:
        print(text(change))
    if wait:
        if options.json:
            say_json({**_as_json(change), "done": False})
        else:
            hint = f"`labctl class roster {options.name} {options.file} --yes` does it"
            print(f"nothing was done; {hint}", file=sys.stderr)
        return WOULD
    return _carried_out(change, options)


def _carried_out(change: RosterChange, options: argparse.Namespace) -> int:
    from labctl.cli.class_running import reported
    from labctl.cli.progress import Progress
    from labctl.work.class_roster import carry_out

    with Progress(quiet=options.json) as progress:
        outcomes = carry_out(change, options.jobs, progress)
    failed = [one for one in outcomes if one.trouble]
    if options.json:
        say_json({**_as_json(change), "done": not failed, "outcomes": reported(outcomes)})
    for one in failed:
        print(f"{one.id}: {one.trouble}", file=sys.stderr)
    if change.added and not options.json:
        ids = ",".join(student.id for student in change.added)
        print(f"`labctl class up {options.name} --only {ids}` brings the new sandboxes up")
    return 1 if failed else 0


def text(change: RosterChange) -> str:
    """What another roster means, a line for each student."""
    if change.empty:
        return f"{change.record.name}: nothing changes"
    names = {place.id: place.student.name for place in change.record.seats}
    lines = [
        *(f"+ {one.id}  {safe(one.name)}  gets a sandbox" for one in change.added),
        *(f"~ {one.id}  {safe(one.name)}  has new data" for one in change.updated),
        *(
            f"- {one}  {safe(names[one])}  leaves; their work is archived, the sandbox removed"
            for one in change.removed
        ),
        *(
            f"! {one.id}  was {safe(names[one.id])}: {safe(one.name)} begins anew, and the keys and"
            " snapshots of before go"
            for one in change.successors
        ),
    ]
    return "\n".join(lines)


def _as_json(change: RosterChange) -> dict[str, Any]:
    return {
        "class": change.record.name,
        "added": _ids(change.added),
        "removed": list(change.removed),
        "updated": _ids(change.updated),
        "successors": _ids(change.successors),
    }


def _ids(students: Iterable[Student]) -> list[str]:
    return [student.id for student in students]


def _students(number: int) -> str:
    return "1 student" if number == 1 else f"{number} students"


def listing(options: argparse.Namespace) -> int:
    """List classes, or the students of one."""
    from labctl.classes import registry

    if options.name:
        return _students_of(options)
    if options.names:
        print("\n".join(registry.names()))
        return 0
    found = registry.everything()
    if options.json:
        say_json([described(record) for record in found])
    elif found:
        rows = [
            (one.name, str(len(one.active)), one.domain, one.platform, one.lab) for one in found
        ]
        print(table(rows, ("CLASS", "STUDENTS", "DOMAIN", "PLATFORM", "LAB")))
    else:
        print("there is no class; `labctl class create` makes one")
    return 0


def _students_of(options: argparse.Namespace) -> int:
    from labctl.classes import registry

    record = registry.get(options.name)
    if options.passwords:
        return _passwords(record, options.json)
    if options.names:
        print("\n".join(place.id for place in record.active))
    elif options.json:
        say_json(described(record))
    else:
        rows = [_row(place) for place in record.seats]
        print(table(rows, ("ID", "NAME", "EMAIL", "LMS ID", "KEY", "STATE")))
    return 0


def _passwords(record: ClassRecord, as_json: bool) -> int:
    """New passwords for the bastion, to be handed out: each opens one student's sandbox once."""
    from labctl.work.class_view import Ways
    from labctl.work.edge import one_time_password

    ways = Ways(record)
    made = [(place, one_time_password(record.name, place.id)) for place in record.active]
    if as_json:
        say_json([{"id": p.id, "ssh": ways.ssh(p.id), "password": word} for p, word in made])
        return 0
    rows = [(p.id, safe(p.student.name), ways.ssh(p.id), word) for p, word in made]
    print(table(rows, ("ID", "NAME", "SSH", "PASSWORD, ONCE")))
    return 0


def _row(place: Place) -> tuple[str, ...]:
    one = place.student
    key = one.key.partition(" ")[0]
    return (one.id, safe(one.name), safe(one.email), safe(one.lms_id), key, place.state)


VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "create": create,
    "roster": roster,
    "list": listing,
}
