"""``labctl class check`` and ``labctl class grades``."""

from __future__ import annotations

import argparse
import gc
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labctl.cli import common


def arguments(actions: Any) -> None:
    """Declare both verbs, given the subparsers of ``labctl class`` (their ``dest``: action)."""
    check = actions.add_parser("check", allow_abbrev=False, help="check the sandboxes of a class")
    _class_arguments(check)
    check.add_argument(
        "--exercise",
        action="append",
        default=[],
        metavar="NAME",
        help="the checks of this exercise, instead of the lab's own",
    )
    check.add_argument(
        "--all", action="store_true", help="the lab's own checks and those of all exercises"
    )
    check.add_argument(
        "--jobs", type=_number, default=0, metavar="N", help="so many sandboxes at a time"
    )
    grades = actions.add_parser("grades", allow_abbrev=False, help="what the students have reached")
    _class_arguments(grades)
    grades.add_argument(
        "--attempt", choices=("last", "best"), default="last", help="which attempt counts (last)"
    )
    for name, what in (("csv", "CSV"), ("html", "one page of HTML"), ("junit", "JUnit's XML")):
        grades.add_argument(f"--{name}", metavar="FILE", help=f"write them as {what}")
    grades.add_argument(
        "--format", choices=("plain", "moodle", "canvas"), default="plain",
        help="for whom the CSV is: its columns",
    )  # fmt: skip


def _class_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="CLASS", help="name of a class")
    parser.add_argument("--only", default="", metavar="ID,…", help="only these students")
    common.json_argument(parser)


def _number(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 1 to 64")
    return int(text)


def run(options: argparse.Namespace) -> int:
    """Check, or show grades."""
    gc.enable()  # results of a whole class are many
    return {"check": _check, "grades": _grades}[options.action](options)


def _check(options: argparse.Namespace) -> int:
    """Check the sandboxes; 0 when all could be asked, whatever they answered, 1 otherwise."""
    from labctl.cli import class_matrix
    from labctl.cli.output import say_json
    from labctl.cli.progress import Progress
    from labctl.work.checking import Asked
    from labctl.work.class_grades import check_class

    asked = Asked(exercises=tuple(options.exercise), everything=options.all)
    with Progress(quiet=options.json) as progress:
        found = check_class(
            options.name, asked, options.only, options.jobs, progress, class_matrix.signs
        )
    if options.json:
        say_json(class_matrix.as_json(found))
    else:
        print(class_matrix.text(found))
    return 0 if all(row.run for row in found.rows) else 1


def _grades(options: argparse.Namespace) -> int:
    """Show the grades, and write them where that is asked for."""
    from labctl.cli import class_matrix
    from labctl.cli.output import say_json
    from labctl.grades import gradebook, gradebook_exports
    from labctl.grades.page import class_page
    from labctl.work.class_grades import grades

    book = grades(options.name, options.only, options.attempt)
    _write({
        options.csv: lambda: gradebook_exports.table(book, options.format).encode(),
        options.html: lambda: class_page(book).encode(),
        options.junit: lambda: gradebook_exports.junit(book),
    })  # fmt: skip
    if options.json:
        say_json(gradebook.as_json(book))
    else:
        print(class_matrix.grades(book))
    return 0


def _write(made: dict[str | None, Callable[[], bytes]]) -> None:
    """Write the files that are named: new ones for their owner only, for they have grades."""
    from labctl.keep.files import explained

    for path, content in made.items():
        if path:
            data = content()
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
            with explained(Path(path)), open(os.open(path, flags, 0o600), "wb") as file:
                file.write(data)
