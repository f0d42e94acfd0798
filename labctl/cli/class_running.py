"""``labctl class up``, ``down``, ``status`` and what else is done with sandboxes of a class."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from labctl.cli.output import paint, say_json, table
from labctl.cli.progress import Progress
from labctl.cli.question import agreed
from labctl.people import safe

if TYPE_CHECKING:
    from labctl.classes.record import ClassRecord, Place
    from labctl.work.class_many import Outcome
    from labctl.work.class_view import Standing

_COLOURS = {"up": "green", "partly up": "yellow"}


def up(options: argparse.Namespace) -> int:
    """Bring sandboxes up, and say where they are."""
    from labctl.work import class_up

    record, places, jobs = meant(options)
    with Progress(quiet=options.json) as progress:
        outcomes = class_up.up(record, places, jobs, progress, warn)
    return _ended(options, record, outcomes)


def warn(text: str) -> None:
    """A warning, beside what is printed."""
    print(f"{paint('note:', 'yellow', sys.stderr)} {text}", file=sys.stderr)


def meant(options: argparse.Namespace) -> tuple[ClassRecord, Sequence[Place], int]:
    """The class, the places of it that are meant, and how many at a time."""
    from labctl.classes import registry
    from labctl.work import classes
    from labctl.work.class_many import jobs_for_host

    record = registry.get(options.name)
    classes.at_home(record)
    jobs = getattr(options, "jobs", 0) or jobs_for_host()
    return record, classes.chosen(record, getattr(options, "only", ())), jobs


def _ended(options: argparse.Namespace, record: ClassRecord, outcomes: Sequence[Outcome]) -> int:
    """The table after sandboxes were brought up; 1 where one was not."""
    from labctl.work.class_view import Ways

    ways = Ways(record)
    mine = [one for one in outcomes if not one.shared]
    good = [one for one in mine if not one.trouble]
    if options.json:
        found = reported(mine)
        for one in found:
            one |= {"url": ways.url(one["id"]), "ssh": ways.ssh(one["id"])}
        common = reported(one for one in outcomes if one.shared)
        say_json({"class": record.name, "sandboxes": found, "shared": common})
        return 1 if any(one.trouble for one in outcomes) else 0
    names = {place.id: safe(place.student.name) for place in record.seats}
    rows = [(one.id, names[one.id], ways.url(one.id), ways.ssh(one.id)) for one in good]
    if rows:
        print(table(rows, ("ID", "NAME", "URL ON THIS HOST", "SSH")))
    if any(not place.student.key for place in record.active):
        print(f"\n`labctl class list {record.name} --passwords` makes passwords for SSH")
    if needs := ways.needs():
        print(f"\n{needs}")
    return failures(outcomes, f"{len(good)} of {len(mine)} sandboxes of {record.name} are up")


def failures(outcomes: Sequence[Outcome], said: str) -> int:
    """Say in one line what became of all, and of those that failed what they said."""
    failed = [one for one in outcomes if one.trouble]
    print("\n" + paint(said, "red" if failed else "green"))
    for one in failed:
        print(f"{paint(one.id, 'red', sys.stderr)}: {one.trouble}", file=sys.stderr)
    return 1 if failed else 0


def reported(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """Outcomes for scripts."""
    return [
        {"id": one.id, "done": one.done, "trouble": one.trouble, "seconds": round(one.seconds, 1)}
        for one in outcomes
    ]


def told(options: argparse.Namespace, record: ClassRecord, outcomes: Sequence[Outcome]) -> int:
    """What became of sandboxes that are no longer up."""
    if options.json:
        say_json({"class": record.name, "sandboxes": reported(outcomes)})
        return 1 if any(one.trouble for one in outcomes) else 0
    print(table([(one.id, one.done or "failed") for one in outcomes], ("ID", "")))
    return failures(outcomes, f"{record.name}: {len(outcomes)} sandboxes")


def down(options: argparse.Namespace) -> int:
    """Stop sandboxes."""
    from labctl.work import class_end

    record, places, jobs = meant(options)
    with Progress(quiet=options.json) as progress:
        return told(options, record, class_end.down(record, places, jobs, progress))


def archive(options: argparse.Namespace) -> int:
    """Archive sandboxes and remove them."""
    from labctl.work import class_end

    record, places, jobs = meant(options)
    with Progress(quiet=options.json) as progress:
        return told(options, record, class_end.put_away(record, places, jobs, progress))


def reset(options: argparse.Namespace) -> int:
    """Make sandboxes new."""
    from labctl.work import class_end

    record, places, jobs = meant(options)
    ids = ", ".join(place.id for place in places)
    agreed(f"all that was done in these sandboxes of {record.name} is lost: {ids}", options.yes)
    with Progress(quiet=options.json) as progress:
        outcomes = class_end.reset(record, places, jobs, progress, warn)
    if exercises := sorted({name for place in places for name in place.begun}):
        which = f"{record.name} {' '.join(exercises)} --only {ids.replace(' ', '')}"
        warn(f"no exercise is begun there any more; `labctl class begin {which}` does it again")
    return _ended(options, record, outcomes)


def destroy(options: argparse.Namespace) -> int:
    """Remove a class."""
    from labctl.classes import registry
    from labctl.work import class_end, class_work

    record, _, jobs = meant(options)
    kept = len(list((registry.folder(record.name) / class_work.ARCHIVES).glob("*.tar.gz")))
    text = (
        f"{record.name} goes, with {len(record.seats)} sandboxes, {kept} archives of work,"
        " its grades, its keys and its root certificate"
    )
    agreed(text, options.yes)
    with Progress(quiet=options.json) as progress:
        outcomes = class_end.destroy(record, jobs, progress)
    if options.json:
        say_json({"class": record.name, "sandboxes": reported(outcomes)})
        return 1 if any(one.trouble for one in outcomes) else 0
    gone = sum(not one.trouble for one in outcomes)
    whole = gone == len(outcomes)
    said = "nothing is left of it" if whole else "it stays until the rest can be removed"
    return failures(
        outcomes, f"{record.name}: {gone} of {len(outcomes)} sandboxes are gone; {said}"
    )


def status(options: argparse.Namespace) -> int:
    """Who is where; 0 where all are up."""
    from dataclasses import asdict

    from labctl.work.class_view import standings

    record, places, _ = meant(options)
    found = standings(record, places, int(time.time()))
    good = all(one.state == "up" for one in found)
    if options.json:
        say_json({"class": record.name, "sandboxes": [asdict(one) for one in found]})
        return 0 if good else 1
    print(table([_row(one) for one in found], ("ID", "NAME", "STATE", "ENDS", "URL ON THIS HOST")))
    for one in found:
        if one.warning:
            warn(f"{one.id}: {one.warning}")
    count = sum(one.state == "up" for one in found)
    print("\n" + paint(f"{count} of {len(found)} sandboxes are up", "green" if good else "red"))
    return 0 if good else 1


def _row(one: Standing) -> tuple[str, ...]:
    from labctl.classes.life import moment

    ends = moment(one.ends) + (" if unused" if one.idle else "") if one.ends else "-"
    url = one.url if one.state.endswith("up") else "-"
    return one.id, safe(one.name), one.state, ends, url


def extend(options: argparse.Namespace) -> int:
    """Give more time."""
    from labctl.classes.life import End, More, end_of, moment
    from labctl.work import class_life

    record, _, _ = meant(options)
    after = class_life.extend(record, options.only, More(options.until, options.by))
    wanted = set(options.only)
    rows: dict[str, End | None] = {
        place.id: end_of(after, place) for place in after.active if place.id in wanted or not wanted
    }
    if options.json:
        say_json(
            {"class": after.name, "ends": {i: end.at if end else 0 for i, end in rows.items()}}
        )
        return 0
    said = [(one, moment(end.at) if end else "never") for one, end in rows.items()]
    print(table(said, ("ID", "ENDS")))
    return 0


VERBS: dict[str, Callable[[argparse.Namespace], int]] = {
    "up": up,
    "down": down,
    "reset": reset,
    "archive": archive,
    "status": status,
    "extend": extend,
    "destroy": destroy,
}
