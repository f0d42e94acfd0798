"""``labctl logs``."""

from __future__ import annotations

import argparse
import sys

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.words_argument(parser, "[-f] [--tail N] [LAB] [MACHINE]", "one machine; all")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as more is said")
    parser.add_argument("--tail", type=int, default=200, metavar="N", help="last lines (200)")


def run(options: argparse.Namespace) -> int:
    """Print what the daemons said."""
    from labctl.cli.output import coloured
    from labctl.engines.compose import Engine, logs
    from labctl.render.compose import LABEL
    from labctl.work.which import lab_and_rest

    lab, rest = lab_and_rest(options.words)
    machine = common.at_most_one(rest)
    engine = Engine()
    there = {one["Labels"][f"{LABEL}.machine"] for one in engine.containers(lab)}
    if machine and machine not in there:
        common.container_of(engine, lab, machine)  # says which there are
    for line in logs(lab, machine, options.follow, options.tail, coloured(sys.stdout)):
        print(line, flush=True)
    return 0
