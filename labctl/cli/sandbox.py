"""``labctl sandbox``: the sandbox of one student."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from labctl.cli import class_arguments as words
from labctl.cli import common
from labctl.spec.fields import Name

if TYPE_CHECKING:
    from labctl.classes.record import ClassRecord, Place


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, said: str, student: bool = True) -> argparse.ArgumentParser:
        found: argparse.ArgumentParser = actions.add_parser(name, allow_abbrev=False, help=said)
        found.add_argument("lab", metavar="LAB", help="a class, or a lab to make a sandbox of")
        if student:
            found.add_argument("id", metavar="ID", help="whose: the student's id")
        return found

    common.json_argument(action("up", "bring it up, with the work that was kept"))
    common.json_argument(action("down", "stop it; what is on its disks stays"))
    reset = action("reset", "make it new, without what the student did")
    words.yes(reset)
    common.json_argument(reset)
    for name, said in (("shell", "open a shell on a machine"), ("ssh", "log in by SSH")):
        inside = action(name, said, student=False)
        inside.add_argument("words", nargs=argparse.REMAINDER, metavar="ID [MACHINE] -- COMMAND",
                            help="whose, which machine (the first), what to run there")  # fmt: skip
    snapshot = action("snapshot", "keep the student's work as it is now")
    snapshot.add_argument("name", nargs="?", type=words.read_as(Name()),
                          help="under which name (the time)")  # fmt: skip
    snapshot.add_argument("--list", action="store_true", help="list the snapshots")
    common.json_argument(snapshot)
    restore = action("restore", "make it what it was when a snapshot was taken")
    restore.add_argument("name", metavar="NAME", type=words.read_as(Name()), help="which snapshot")
    words.yes(restore)
    action("diff", "show what was changed by hand")


def run(options: argparse.Namespace) -> int:
    """Do what the sandbox was asked for."""
    from labctl.classes import registry
    from labctl.work import classes

    if "words" in options:
        options.id = options.words.pop(0) if options.words else ""
    if options.action == "up":
        record = classes.implicit(options.lab, options.id)
    else:
        record = registry.get(options.lab)
    classes.at_home(record)
    (place,) = classes.chosen(record, (options.id,))
    return _ACTIONS[options.action](record, place, options)


def _many(action: str) -> Callable[[ClassRecord, Place, argparse.Namespace], int]:
    """What is done as for a class, with one student."""

    def one(record: ClassRecord, place: Place, options: argparse.Namespace) -> int:
        from labctl.cli.class_running import VERBS

        known = {**vars(options), "name": record.name, "only": (place.id,), "jobs": 1}
        return VERBS[action](argparse.Namespace(**known))

    return one


def _shell(record: ClassRecord, place: Place, options: argparse.Namespace) -> int:
    from labctl.engines.compose import Engine, attach

    sandbox = record.sandbox(place.id)
    machine, command = _where(sandbox, options.words)
    container = common.container_of(Engine(), sandbox, machine)
    return attach(container, command or ["bash", "-l"], "root", terminal=sys.stdin.isatty())


def _ssh(record: ClassRecord, place: Place, options: argparse.Namespace) -> int:
    from labctl.cli import ssh

    sandbox = record.sandbox(place.id)
    machine, command = _where(sandbox, options.words)
    rest = ["--", *command] if command else []
    return ssh.run(argparse.Namespace(config=False, words=[sandbox, machine, *rest]))


def _where(sandbox: str, given: list[str]) -> tuple[str, list[str]]:
    """The machine that is meant, the student's first where none is, and the command."""
    at = given.index("--") if "--" in given else len(given)
    before, command = given[:at], given[at + 1 :]
    machine = common.at_most_one(before)
    if machine is None:
        lab = common.session_of(sandbox).lab
        machine = next(name for name, one in lab.machines.items() if not one.visiting)
    return machine, command


def _snapshot(record: ClassRecord, place: Place, options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from labctl.amounts import size
    from labctl.cli.output import say_json, table
    from labctl.work import class_snapshots

    if not options.list:
        taken = class_snapshots.take(record, place, options.name or "")
        if options.json:
            say_json(asdict(taken))
        else:
            print(f"the snapshot '{taken.name}' holds the work of {place.id} as it is now")
        return 0
    found = class_snapshots.snapshots(record, place)
    if options.json:
        say_json([asdict(one) for one in found])
    else:
        print(table([(one.name, size(one.size)) for one in found], ("SNAPSHOT", "SIZE")))
    return 0


def _restore(record: ClassRecord, place: Place, options: argparse.Namespace) -> int:
    from labctl.cli.progress import Progress
    from labctl.cli.question import agreed
    from labctl.work.class_snapshots import restore

    agreed(f"what {place.id} has done since '{options.name}' is lost", options.yes)
    with Progress() as progress:
        restore(record, place, options.name, progress)
    print(f"{place.id} is as it was when '{options.name}' was taken")
    return 0


def _diff(record: ClassRecord, place: Place, options: argparse.Namespace) -> int:
    from labctl.cli.differences import show
    from labctl.engines.compose import Engine
    from labctl.spec.problems import printable
    from labctl.work import class_work
    from labctl.work.bring import make_plan
    from labctl.work.session import Choices

    engine = Engine()
    planned = make_plan(record.sandbox(place.id), Choices(), (), engine, dry=True)
    show(planned, engine)
    known = {(drift.machine, drift.path) for drift in planned.plan.drift}
    for machine, container in class_work.own_machines(planned.session, engine).items():
        for path in class_work.changed(container):
            if (machine, path) not in known:
                print(f"{machine}:{printable(path)}  (new, or data)")
    return 0


_ACTIONS: dict[str, Callable[[ClassRecord, Place, argparse.Namespace], int]] = {
    "up": _many("up"),
    "down": _many("down"),
    "reset": _many("reset"),
    "shell": _shell,
    "ssh": _ssh,
    "snapshot": _snapshot,
    "restore": _restore,
    "diff": _diff,
}
