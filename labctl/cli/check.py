"""``labctl check``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.cli import common

if TYPE_CHECKING:
    from labctl.grades.run import Record, Run
    from labctl.work.checking import Checked

_WIDTH = 90  # columns of a difference that is still one line


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    parser.add_argument(
        "--service",
        action="append",
        default=[],
        metavar="SERVICE",
        help="only the checks of this service",
    )
    parser.add_argument(
        "--exercise",
        action="append",
        default=[],
        metavar="NAME",
        help="the checks of this exercise, instead of the lab's own",
    )
    parser.add_argument(
        "--all", action="store_true", help="the lab's own checks and those of all exercises"
    )
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        metavar="[SITE=]URL",
        help="ask this server in place of the lab, or of one of its sites: a learner's own",
    )
    parser.add_argument(
        "--ca", default="", metavar="FILE", help="with --target: trust these authorities, too"
    )
    for name, what in (("junit", "JUnit's XML"), ("csv", "CSV"), ("html", "one page of HTML")):
        parser.add_argument(f"--{name}", metavar="FILE", help=f"write the results as {what}")
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Run the checks; 0 when all hold."""
    from labctl.cli.output import say_json
    from labctl.grades.run import record_as_json

    found = checked(options)
    if options.json:
        say_json([record_as_json(record) for record in found.run.records])
    else:
        print(text(found))
    if found.trouble:
        print(f"this run is not kept: {found.trouble}", file=sys.stderr)
    export(options, found)
    return 0 if all(record.passed or record.excused for record in found.run.records) else 1


def checked(options: argparse.Namespace) -> Checked:
    """Ask the lab, or a server in its place. LabctlError for what does not go together."""
    from labctl.errors import LabctlError

    if options.target:
        if options.service or options.all:
            hint = "`--exercise NAME` says which exercise"
            raise LabctlError("--target asks exercises, not the lab's own checks", hint, 2)
        from labctl.work import targeting

        return targeting.check(options.lab, options.target, options.exercise, options.ca)
    if options.ca:
        raise LabctlError("--ca goes with --target: a lab has its own authority", status=2)
    from labctl.work.checking import Asked, check

    asked = Asked(frozenset(options.service), tuple(options.exercise), options.all)
    return check(options.lab, asked)


def export(options: argparse.Namespace, found: Checked) -> None:
    """Write the files that are asked for; LabctlError where one cannot be written."""
    from labctl.errors import LabctlError

    made = {options.junit: _junit, options.csv: _csv, options.html: _html}
    for path, content in made.items():
        try:
            if path:
                Path(path).write_bytes(content(found))
        except OSError as error:
            raise LabctlError(f"{path}: {error.strerror or error}") from None


def _junit(found: Checked) -> bytes:
    from labctl.grades.exports import junit

    return junit(found.run)


def _csv(found: Checked) -> bytes:
    from labctl.grades.exports import table

    return table(found.run).encode()


def _html(found: Checked) -> bytes:
    from labctl.grades.page import page

    return page(found.run, found.kept).encode()


def text(found: Checked) -> str:
    """All results, by exercise or service; what does not hold with what was seen and a hint."""
    from labctl.cli.output import paint

    run = found.run
    lines: list[str] = []
    for head, records in _groups(run):
        lines.append(paint(head, "bold"))
        for record in records:
            lines += _lines(record)
    return "\n".join([*_place(run), *lines, *_points(found), "", _verdict(run)])


def _place(run: Run) -> Iterator[str]:
    if run.target:
        yield f"asked of {run.target}, in place of {run.lab}"


def _verdict(run: Run) -> str:
    """How many hold, and where to look."""
    from labctl.cli.output import paint

    counted = [record for record in run.records if not record.excused]
    failed = sorted({r.exercise or r.service or run.lab for r in counted if not r.passed})
    verdict = f"{sum(record.passed for record in counted)} of {len(counted)} checks hold"
    if excused := len(run.records) - len(counted):
        verdict += f"; {excused} could not be asked outside the lab, and count for nothing"
    if failed:
        verdict += f"; not in order: {', '.join(failed)}"
    return paint(verdict, "red" if failed else "green")


def _groups(run: Run) -> Iterator[tuple[str, Sequence[Record]]]:
    """Exercises with their titles; the lab's own checks by service."""
    for group in run.groups:
        if group.name:
            yield f"{group.name}: {group.title}", group.records
            continue
        for service in dict.fromkeys(record.service for record in group.records):
            yield service or run.lab, [r for r in group.records if r.service == service]


def _lines(record: Record) -> Iterator[str]:
    from labctl.cli.output import paint

    again = f" (held on attempt {record.attempts} of {record.retries + 1})"
    told = again if record.passed and record.attempts > 1 else ""
    if not record.attempts:
        mark = paint("----", "yellow")
    else:
        mark = paint("ok  ", "green") if record.passed else paint("FAIL", "red")
    yield f"  {mark}  {record.check}{told}"
    if record.passed:
        return
    for reason in record.reasons:
        yield from _wrapped(reason)
    if record.attempts > 1:
        yield f"          asked {record.attempts} times"
    if record.hint:
        yield f"          hint: {record.hint}"
    if record.lesson:
        yield f"          lesson: {record.lesson}"


def _wrapped(reason: str) -> Iterator[str]:
    """What was expected, and below it what came, where one line is too long for both."""
    what, got, seen = reason.partition(", got ")
    name, colon, _ = what.partition(": ")
    if len(reason) <= _WIDTH or not (got and colon):
        yield f"          {reason}"
        return
    yield f"          {what}"
    yield f"          {'':{len(name)}}       got {seen}"


def _points(found: Checked) -> Iterator[str]:
    """What each exercise brought, now and before."""
    from labctl.grades.store import attempts

    for group in found.run.groups:
        if group.name:
            before = attempts(found.kept, group.name, found.run.target)
            yield f"{group.name}: {group.points} of {group.of} points (attempt {len(before)})"
