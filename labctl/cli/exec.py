"""``labctl exec``."""

from __future__ import annotations

import argparse
import sys

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.usage = f"{parser.prog} [--user USER] [LAB] MACHINE -- COMMAND …"
    parser.add_argument("--user", default="root", help="as whom (root)")
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="[LAB] MACHINE -- COMMAND",
        help="where, and the program with its arguments",
    )


def run(options: argparse.Namespace) -> int:
    """Run it with this terminal; its exit status."""
    from labctl.engines.compose import Engine, attach
    from labctl.errors import LabctlError
    from labctl.work.which import lab_and_rest

    words: list[str] = options.words
    before, command = words, []
    if "--" in words:
        before, command = words[: words.index("--")], words[words.index("--") + 1 :]
    lab, rest = lab_and_rest(before)
    if "--" not in words:
        rest, command = rest[:1], rest[1:]
    if not command:
        raise LabctlError("no command", "labctl exec [LAB] MACHINE -- COMMAND", status=2)
    # a terminal would change what is written to a file: a backup, for example
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    with common.on_machine(Engine(), lab, common.at_most_one(rest)) as container:
        return attach(container, command, options.user, terminal=at_terminal)
