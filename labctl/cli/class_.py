"""``labctl class``: sandboxes for all students of a roster."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from labctl.cli import class_arguments as words
from labctl.cli import class_check, common
from labctl.platforms import NAMES
from labctl.spec.fields import Domain, Name


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _people(actions)
    _running(actions)
    class_check.arguments(actions)


def _action(actions: Any, name: str, said: str, places: str = "CLASS") -> argparse.ArgumentParser:
    found: argparse.ArgumentParser = actions.add_parser(name, allow_abbrev=False, help=said)
    found.add_argument("name", metavar=places, help="name of a class")
    return found


def _people(actions: Any) -> None:
    """Making a class, changing who is in it, listing."""
    create = actions.add_parser("create", allow_abbrev=False, help="make a class of a roster")
    create.add_argument("name", metavar="NAME", type=words.read_as(Name()), help="its name")
    create.add_argument(
        "--lab", required=True, metavar="LAB", help="the lab that each student gets"
    )
    create.add_argument("--roster", required=True, metavar="FILE", type=Path,
                        help="CSV with the columns id, name, email, lms_id, key")  # fmt: skip
    create.add_argument("--domain", type=words.read_as(Domain()), metavar="DOMAIN",
                        help="the domain above all students' (NAME.test)")  # fmt: skip
    create.add_argument("--on", choices=NAMES, help="how to deploy the sandboxes (bare-metal)")
    create.add_argument("--own", action="append", default=[], metavar="SERVICE",
                        help="a service that each student has, though it is shared")  # fmt: skip
    words.limits(create)
    create.add_argument("--idle", type=words.hours, default=0, metavar="HOURS",
                        help="end a sandbox that nobody has used for so long")  # fmt: skip
    create.add_argument("--until", type=words.moment, default=0, metavar="DATE",
                        help="end all sandboxes then")  # fmt: skip
    common.json_argument(create)
    roster = _action(actions, "roster", "take over another roster: students come and go")
    roster.add_argument("file", metavar="FILE", type=Path, help="the new roster")
    words.yes(roster)
    words.jobs(roster)
    common.json_argument(roster)
    listed = actions.add_parser("list", allow_abbrev=False, help="list classes, or one's students")
    listed.add_argument("name", metavar="CLASS", nargs="?", help="name of a class")
    listed.add_argument("--passwords", action="store_true",
                        help="make each student a password that works once")  # fmt: skip
    listed.add_argument("--names", action="store_true", help="print the names only")
    common.json_argument(listed)


def _running(actions: Any) -> None:
    """What is done with the sandboxes of a class."""
    for name, said in (
        ("up", "bring the sandboxes up, with the work that was kept"),
        ("down", "stop the sandboxes; what is on their disks stays"),
        ("reset", "make sandboxes new, without what their students did"),
        ("archive", "keep the students' work as archives, and remove the sandboxes"),
    ):
        action = _action(actions, name, said)
        words.only(action)
        words.jobs(action)
        if name == "reset":
            words.yes(action)
        common.json_argument(action)
    for name, said in (
        ("begin", "prepare the sandboxes for exercises"),
        ("end", "put back what exercises have changed"),
    ):
        action = _action(actions, name, said)
        action.add_argument("exercises", metavar="EXERCISE", nargs="*",
                            help="which: names or numbers")  # fmt: skip
        action.add_argument("--all", action="store_true", help="all that there are")
        words.only(action)
        words.jobs(action)
        common.json_argument(action)
    status = _action(actions, "status", "show who is where, and until when")
    words.only(status)
    common.json_argument(status)
    extend = _action(actions, "extend", "give a class, or some students, more time")
    words.only(extend)
    what = extend.add_mutually_exclusive_group()
    what.add_argument("--until", type=words.moment, default=0, metavar="DATE", help="the new end")
    what.add_argument("--by", type=words.hours, default=0, metavar="HOURS",
                      help="move it by so much; else only the idle time begins anew")  # fmt: skip
    common.json_argument(extend)
    destroy = _action(actions, "destroy", "remove a class with all that is kept of it")
    words.yes(destroy)
    words.jobs(destroy)
    common.json_argument(destroy)


def run(options: argparse.Namespace) -> int:
    """Do what the class was asked for."""
    from labctl.cli import class_exercises, class_people, class_running

    gc.enable()  # many sandboxes take a while
    if options.action in ("check", "grades"):
        return class_check.run(options)
    verbs: dict[str, Callable[[argparse.Namespace], int]]
    verbs = {**class_people.VERBS, **class_running.VERBS, **class_exercises.VERBS}
    return verbs[options.action](options)
