"""``labctl check``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.cli import common

if TYPE_CHECKING:
    from labctl.grades.run import Record, Run
    from labctl.work.checking import Checked


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
    for name, what in (("junit", "JUnit's XML"), ("csv", "CSV"), ("html", "one page of HTML")):
        parser.add_argument(f"--{name}", metavar="FILE", help=f"write the results as {what}")
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Run the checks; 0 when all hold."""
    from labctl.cli.output import say_json
    from labctl.grades.run import record_as_json
    from labctl.work.checking import Asked, check

    asked = Asked(frozenset(options.service), tuple(options.exercise), options.all)
    found = check(options.lab, asked)
    if options.json:
        say_json([record_as_json(record) for record in found.run.records])
    else:
        print(text(found))
    if found.trouble:
        print(f"this run is not kept: {found.trouble}", file=sys.stderr)
    export(options, found)
    return 0 if all(record.passed for record in found.run.records) else 1


def export(options: argparse.Namespace, found: Checked) -> None:
    """Write the files that are asked for; LabctlError where one cannot be written."""
    from labctl.errors import LabctlError
    from labctl.grades import exports
    from labctl.grades.page import page

    made: dict[str, Callable[[], bytes]] = {
        options.junit: lambda: exports.junit(found.run),
        options.csv: lambda: exports.table(found.run).encode(),
        options.html: lambda: page(found.run, found.kept).encode(),
    }
    for path, content in made.items():
        try:
            if path:
                Path(path).write_bytes(content())
        except OSError as error:
            raise LabctlError(f"{path}: {error.strerror or error}") from None


def text(found: Checked) -> str:
    """All results, by exercise or service; what does not hold with what was seen and a hint."""
    from labctl.cli.output import paint

    run = found.run
    lines: list[str] = []
    for head, records in _groups(run):
        lines.append(paint(head, "bold"))
        for record in records:
            lines += _lines(record)
    passed = sum(record.passed for record in run.records)
    failed = sorted({r.exercise or r.service or run.lab for r in run.records if not r.passed})
    verdict = f"{passed} of {len(run.records)} checks hold"
    if failed:
        verdict += f"; not in order: {', '.join(failed)}"
    return "\n".join([*lines, *_points(found), "", paint(verdict, "red" if failed else "green")])


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
    yield from (f"          {reason}" for reason in record.reasons)
    if record.attempts > 1:
        yield f"          asked {record.attempts} times"
    if record.hint:
        yield f"          hint: {record.hint}"
    if record.lesson:
        yield f"          lesson: {record.lesson}"


def _points(found: Checked) -> Iterator[str]:
    """What each exercise brought, now and before."""
    from labctl.grades.store import attempts

    for group in found.run.groups:
        if group.name:
            before = attempts(found.kept, group.name)
            yield f"{group.name}: {group.points} of {group.of} points (attempt {len(before)})"
