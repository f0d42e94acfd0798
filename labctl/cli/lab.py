"""``labctl lab``: a lab's exercises."""

from __future__ import annotations

import argparse
import gc
from typing import TYPE_CHECKING, Any

from labctl.cli import common
from labctl.platforms import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.exercises.reader import Exercise
    from labctl.work.proving import Proof


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("exercises", allow_abbrev=False, help="list a lab's exercises")
    common.lab_argument(listed)
    common.json_argument(listed)
    for name, said in (
        ("begin", "prepare a lab that is up for an exercise"),
        ("end", "put back what an exercise has changed"),
    ):
        action = actions.add_parser(name, allow_abbrev=False, help=said)
        action.add_argument("lab", metavar="LAB", help="name of a lab that is up")
        action.add_argument("exercise", metavar="EXERCISE", help="which one: its name or number")
    test = actions.add_parser(
        "test",
        allow_abbrev=False,
        help="prove, in a copy of the lab, that each exercise is unsolved and can be solved",
    )
    common.lab_argument(test)
    test.add_argument("--exercise", action="append", default=[], metavar="NAME",
                      help="only this one (all)")  # fmt: skip
    test.add_argument("--on", choices=NAMES, help="how to deploy it (what the lab file says)")
    common.json_argument(test)


def run(options: argparse.Namespace) -> int:
    """List, begin, end or prove."""
    actions = {"exercises": _exercises, "begin": _begin, "end": _end, "test": _test}
    return actions[options.action](options)


def _exercises(options: argparse.Namespace) -> int:
    from labctl.cli.output import say_json, table
    from labctl.work.exercising import exercises_of

    session = common.session_of(options.lab)
    found = exercises_of(session)
    if options.json:
        say_json([_described(one) for one in found])
    elif found:
        rows = [(o.name, o.title, str(len(o.checks)), str(o.points)) for o in found]
        print(table(rows, ("EXERCISE", "TITLE", "CHECKS", "POINTS")))
    else:
        print(f"{session.name} has no exercises")
    return 0


def _described(exercise: Exercise) -> dict[str, Any]:
    return {
        "name": exercise.name,
        "title": exercise.title,
        "points": exercise.points,
        "lesson": str(exercise.folder / "README.md"),
        "checks": [
            {"name": c.name, "points": c.points, "lesson": c.lesson} for c in exercise.checks
        ],
    }


def _begin(options: argparse.Namespace) -> int:
    from labctl.work.exercising import begin

    exercise = begin(options.lab, options.exercise)
    print(f"{exercise.name}: {exercise.title}")
    print(f"the lesson:  {exercise.folder / 'README.md'}")
    print(f"is it done?  labctl check {options.lab} --exercise {exercise.name}")
    print(f"put it back: labctl lab end {options.lab} {exercise.name}")
    return 0


def _end(options: argparse.Namespace) -> int:
    from labctl.work.exercising import end

    exercise = end(options.lab, options.exercise)
    print(f"{exercise.name} is put back; `labctl plan {options.lab}` lists what is still changed")
    return 0


def _test(options: argparse.Namespace) -> int:
    from labctl.cli.output import say_json
    from labctl.cli.steps import Steps
    from labctl.work.proving import prove, proved

    gc.enable()  # this one takes minutes
    proofs = prove(options.lab, options.exercise, options.on, Steps())
    if options.json:
        say_json([_proof(proof) for proof in proofs])
    else:
        print(text(proofs))
    return 0 if proved(proofs) else 1


def _proof(proof: Proof) -> dict[str, Any]:
    return {
        "exercise": proof.exercise.name,
        "proved": not (proof.troubles or proof.skipped),
        "skipped": proof.skipped,
        "troubles": proof.troubles,
        "seconds": round(proof.seconds, 1),
    }


def text(proofs: Iterable[Proof]) -> str:
    """A line for each exercise, with what is wrong with it below."""
    from labctl.cli.output import paint

    lines = []
    for proof in proofs:
        mark = paint("FAIL", "red") if proof.troubles else paint("ok  ", "green")
        exercise, told = proof.exercise, f"{proof.seconds:.0f} s"
        if proof.skipped:
            mark, told = "-   ", f"only on {', '.join(exercise.platforms)}"
        lines.append(f"{mark}  {exercise.name}: {exercise.title} ({told})")
        lines += [f"      {line}" for t in proof.troubles for line in t.splitlines()]
    return "\n".join(lines)
