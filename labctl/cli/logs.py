"""``labctl logs``."""

from __future__ import annotations

import argparse

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    parser.add_argument("machine", nargs="?", metavar="MACHINE", help="one machine; all")
    parser.add_argument("-f", "--follow", action="store_true", help="go on as more is said")
    parser.add_argument("--tail", type=int, default=200, metavar="N", help="last lines (200)")


def run(options: argparse.Namespace) -> int:
    """Print what the daemons said."""
    from labctl.engines.compose import Engine, logs

    name = common.lab_name(options.lab)
    if options.machine:
        common.container_of(Engine(), name, options.machine)
    return logs(name, options.machine, options.follow, options.tail)
