"""``python3 -m labctl.setup``: set this host up, then build and run the lab."""

from __future__ import annotations

import argparse
import sys
from typing import get_args

from labctl.setup import host, plan, run, tools
from labctl.setup.plan import Goal

MINIMUM = (3, 11)


def main() -> int:
    """Parse the command line and set up; 0 done, 1 failed or no right to, 2 wrong usage."""
    if sys.version_info < MINIMUM:
        found = ".".join(map(str, sys.version_info[:2]))
        print(
            f"labctl needs Python 3.11 or newer, {sys.executable} is {found}\n"
            "hint: install python3.11 and python3.11-venv, then `make PYTHON=python3.11 up`",
            file=sys.stderr,
        )
        return 1
    arguments = _parser().parse_args()
    return _set_up(arguments.goal, arguments.lab, arguments.dry_run)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m labctl.setup",
        description="Install what is missing on this host, build the images, run the lab.",
    )
    parser.add_argument("goal", choices=get_args(Goal), help="run the lab, prepare the tests, lint")
    parser.add_argument("--lab", default="lab1", help="which lab (%(default)s)")
    parser.add_argument(
        "--dry-run", action="store_true", help="print the steps and their commands, do nothing"
    )
    return parser


def _set_up(goal: Goal, lab: str, dry: bool) -> int:
    files = ["requirements.txt", *(["requirements-dev.txt"] if goal != "up" else [])]
    pins = frozenset[tuple[str, str]]().union(*(host.wanted_pins(host.ROOT / f) for f in files))
    missing = tools.wanted() - tools.present() if goal == "test" else frozenset()
    wishes = plan.Wishes(goal, pins, lab, missing)
    seen = host.observe()
    try:
        steps = plan.plan(seen, wishes)
    except plan.Unsupported as problem:
        print(problem, file=sys.stderr)
        return 1
    if not dry and not run.may_run(steps, seen):
        print("An administrator of this host must run:", run.for_administrator(steps), sep="\n")
        print("Then run this again.")
        return 1
    if not steps and goal != "lint":
        print("Everything that labctl needs on this host is there.", flush=True)
    failed = run.run([*steps, *plan.last_steps(wishes)], seen, dry=dry)
    if failed is None:
        return 0
    print(f"failed: {failed.what}. What went before is done; run this again.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
