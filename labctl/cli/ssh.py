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

    words: list[str] = options.words
    if options.config or words[1:] == ["--config"]:  # argparse does not look behind the lab
        return _print_config(words[:1] if words[1:] == ["--config"] else words)
    at = words.index("--") if "--" in words else len(words)
    before, command = words[:at], words[at + 1 :]
    marked = at < len(words)
    named = len(before) > 1 and (marked or ssh_access.is_lab(before[0]))
    lab, rest = _lab_and_rest(before, named)
    if not marked:
        rest, command = rest[:1], rest[1:]
    machine = common.at_most_one(rest)
    common.container_of(Engine(), lab, machine)
    assert machine is not None  # container_of has complained
    config = ssh_access.config_of(state_of(lab, running=True), lab)
    terminal = bool(command) and sys.stdin.isatty() and sys.stdout.isatty()
    return subprocess.call(ssh_access.command(config, lab, machine, command, terminal))


def _print_config(words: list[str]) -> int:
    """Print the configuration of the lab that is meant."""
    from labctl.errors import LabctlError
    from labctl.work import ssh_access
    from labctl.work.session import state_of

    if len(words) > 1:
        raise LabctlError("one lab is expected", "labctl ssh --config [LAB]", status=2)
    lab, _ = _lab_and_rest(words, named=True)
    print(ssh_access.config_of(state_of(lab, running=True), lab).read_text(), end="")
    return 0


def _lab_and_rest(words: list[str], named: bool) -> tuple[str, list[str]]:
    """The lab and the other words; where a lab is ``named`` that is not up, this is the mistake."""
    from labctl.errors import LabctlError
    from labctl.work.which import lab_and_rest, running_labs

    if words and named and "/" not in words[0] and words[0] not in running_labs():
        raise LabctlError(f"{words[0]} is not up", f"`labctl up {words[0]}` brings it up")
    return lab_and_rest(words)
