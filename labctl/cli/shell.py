"""``labctl shell``."""

from __future__ import annotations

import argparse
import sys

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    parser.add_argument("machine", metavar="MACHINE", help="where to")
    parser.add_argument("--user", default="root", help="as whom (root)")


def run(options: argparse.Namespace) -> int:
    """Open a shell; its exit status."""
    from labctl.engines.compose import Engine, attach

    container = common.container_of(Engine(), common.lab_name(options.lab), options.machine)
    return attach(container, ["bash", "-l"], options.user, terminal=sys.stdin.isatty())
