"""``labctl exec``."""

from __future__ import annotations

import argparse
import sys

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    parser.add_argument("machine", metavar="MACHINE", help="where to run it")
    parser.add_argument("--user", default="root", help="as whom (root)")
    parser.add_argument(
        "command",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="the program and its arguments",
    )


def run(options: argparse.Namespace) -> int:
    """Run it with this terminal; its exit status."""
    from labctl.engines.compose import Engine, attach
    from labctl.errors import LabctlError

    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise LabctlError("no command", "labctl exec LAB MACHINE -- COMMAND", status=2)
    container = common.container_of(Engine(), common.lab_name(options.lab), options.machine)
    return attach(container, command, options.user, terminal=sys.stdin.isatty())
