"""``labctl up``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from labctl.cli import common

if TYPE_CHECKING:
    from labctl.engines.compose import Engine
    from labctl.work.bring import Planned


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    common.choice_arguments(parser)
    parser.add_argument(
        "--reset",
        action="append",
        default=[],
        metavar="[MACHINE:]PATH",
        help="overwrite this file although it was changed by hand on the machine",
    )
    parser.add_argument(
        "--fresh", action="store_true", help="drop the data that mail and applications have kept"
    )
    parser.add_argument(
        "--yes", action="store_true", help="replace the machines of another platform unasked"
    )
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Plan, execute, and say what there is now."""
    from labctl.cli import summary
    from labctl.cli.differences import show_conflicts
    from labctl.cli.output import say_json
    from labctl.cli.progress import Progress
    from labctl.cli.switching import confirm
    from labctl.work.bring import bring_up

    with Progress(quiet=options.json) as progress:

        def warn(planned: Planned, engine: Engine) -> None:
            show_conflicts(planned, engine)
            confirm(planned, options.fresh, options.yes)

        brought = bring_up(
            options.lab, common.choices(options), options.reset, progress, warn, options.fresh
        )
    if options.json:
        say_json(summary.as_json(brought))
        return 0
    for notice in brought.session.notices:
        print(notice, file=sys.stderr)
    print(summary.text(brought))
    return 0
