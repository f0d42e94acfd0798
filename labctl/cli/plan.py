"""``labctl plan``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from labctl.cli import common

if TYPE_CHECKING:
    from labctl.work.bring import Planned

WOULD_CHANGE = 3


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    common.choice_arguments(parser)
    parser.add_argument(
        "--reset",
        action="append",
        default=[],
        metavar="[MACHINE:]PATH",
        help="as if this file, changed by hand, were put back",
    )
    parser.add_argument("--diff", action="store_true", help="show changed lines too")
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Print what up would do; 0 when that is nothing, 3 when it is something."""
    from dataclasses import asdict

    from labctl.cli.output import say_json
    from labctl.engines.compose import Engine
    from labctl.work.bring import make_plan

    engine = Engine()
    planned = make_plan(options.lab, common.choices(options), options.reset, engine, dry=True)
    if options.json:
        say_json(asdict(planned.plan))
    else:
        print(text(planned))
        if options.diff:
            from labctl.cli.differences import show

            show(planned, engine)
    return 0 if planned.plan.empty else WOULD_CHANGE


def text(planned: Planned) -> str:
    """The plan as people read it."""
    from labctl.cli.output import paint
    from labctl.cli.summary import drift

    colours = {"create": "green", "start": "green", "remove": "red", "recreate": "yellow"}
    lines = []
    for change in planned.plan.changes:
        action = paint(f"{change.action:8}", colours.get(change.action, "blue"))
        lines.append(f"{action} {change.machine}: {change.reason}")
        lines += [f"           {step.verb} {step.target}" for step in change.steps]
    if planned.plan.empty:
        lines.append(f"{planned.plan.lab}: nothing would change")
    if planned.plan.drift:
        lines.append(drift(planned.plan.drift, planned.plan.lab))
    return "\n".join(lines)
