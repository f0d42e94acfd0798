"""``labctl ssh``."""

from __future__ import annotations

import argparse
import subprocess
import sys

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    name = parser.prog
    parser.usage = f"{name} [LAB] MACHINE [-- COMMAND …]\n       {name} --config [LAB]"
    parser.add_argument(
        "--config",
        action="store_true",
        help="print what ssh, scp, rsync and editors need: ssh_config(5) with all machines",
    )
    parser.add_argument(
        "words",
        nargs=argparse.REMAINDER,
        metavar="[LAB] MACHINE -- COMMAND",
        help="where to, and what to run there in place of a shell",
    )


def run(options: argparse.Namespace) -> int:
    """Log in as root with labctl's key; the exit status of the command or shell there."""
    from labctl.engines.compose import Engine
    from labctl.work import ssh_access
    from labctl.work.session import state_of
    from labctl.work.which import lab_and_rest

    words, command = _split(options.words)
    lab, rest = lab_and_rest(words)
    if not options.config and "--" not in options.words:
        rest, command = rest[:1], rest[1:]
    if options.config:
        common.nothing_more(rest)
        print(ssh_access.config_of(state_of(lab, running=True), lab).read_text(), end="")
        return 0
    machine = common.at_most_one(rest)
    common.container_of(Engine(), lab, machine)
    config = ssh_access.config_of(state_of(lab, running=True), lab)
    terminal = bool(command) and sys.stdin.isatty() and sys.stdout.isatty()
    return subprocess.call(ssh_access.command(config, lab, machine, command, terminal))


def _split(words: list[str]) -> tuple[list[str], list[str]]:
    """What stands before and after ``--``."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]
