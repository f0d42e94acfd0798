"""``labctl shell``."""

from __future__ import annotations

import argparse
import sys

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.words_argument(parser, "[--user USER] [LAB] MACHINE", "where to")
    parser.add_argument("--user", default="root", help="as whom (root)")


def run(options: argparse.Namespace) -> int:
    """Open a shell; its exit status."""
    from labctl.engines.compose import Engine, attach
    from labctl.work.which import lab_and_rest

    lab, rest = lab_and_rest(options.words)
    with common.on_machine(Engine(), lab, common.at_most_one(rest)) as container:
        return attach(container, ["bash", "-l"], options.user, terminal=sys.stdin.isatty())
