"""Arguments and steps that several verbs share."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.platforms import NAMES
from labctl.spec.fields import LabName, Port, Wrong

if TYPE_CHECKING:
    from labctl.engines.compose import Engine
    from labctl.work.session import Choices, Session


def lab_argument(parser: argparse.ArgumentParser) -> None:
    """The lab, by name or path."""
    parser.add_argument(
        "lab",
        nargs="?",
        metavar="LAB",
        help="name of a lab, its folder or its lab.yml; the one of this folder, or the only one up",
    )
    parser.set_defaults(needs_lab=True)


def words_argument(parser: argparse.ArgumentParser, form: str, meaning: str) -> None:
    """``[LAB] MACHINE …``: what the words are is seen when they are read."""
    parser.usage = f"{parser.prog} {form}"
    parser.add_argument("words", nargs="*", metavar="[LAB] MACHINE", help=meaning)


def json_argument(parser: argparse.ArgumentParser) -> None:
    """Output for scripts."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def in_a_folder(path: Path | None) -> None:
    """LabctlError where a file cannot be made: to be known before minutes pass."""
    from labctl.errors import LabctlError

    if path and not path.absolute().parent.is_dir():
        raise LabctlError(f"there is no folder {path.parent}", "make it first", status=2)


def choice_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line may say over the lab file."""
    parser.add_argument("--name", type=_name, help="bring the lab up under another name")
    parser.add_argument("--http", type=port, metavar="PORT", help="the host's port for HTTP (80)")
    parser.add_argument("--https", type=port, metavar="PORT", help="its port for HTTPS (443)")
    parser.add_argument(
        "--on", choices=NAMES, help="how to deploy it (what the lab file says, or vps)"
    )
    parser.add_argument(
        "--edge",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="share the host's 80 and 443 with other labs, behind the edge (`labctl edge`)",
    )
    parser.add_argument(
        "--public",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="publish on all addresses of the host, not only on its loopback",
    )


def choices(options: argparse.Namespace) -> Choices:
    """The choices made on the command line."""
    from labctl.work.session import Choices

    return Choices(
        options.name, options.http, options.https, options.public, options.on, options.edge
    )


def port(text: str) -> int:
    """A port of the host, as an argument."""
    try:
        value: int = Port().read(text)
    except Wrong as wrong:
        raise argparse.ArgumentTypeError(wrong.message) from None
    return value


def _name(text: str) -> str:
    try:
        value: str = LabName().read(text)
    except Wrong as wrong:
        raise argparse.ArgumentTypeError(f"{wrong.message} ({wrong.hint})") from None
    return value


def at_most_one(words: list[str]) -> str | None:
    """The only word, or None; LabctlError for more."""
    from labctl.errors import LabctlError

    if len(words) > 1:
        raise LabctlError(
            f"one machine is expected, not '{' '.join(words)}'",
            "`labctl list` shows which labs are up, `labctl status` their machines",
            status=2,
        )
    return words[0] if words else None


def container_of(engine: Engine, lab: str, machine: str | None) -> str:
    """The container of a running machine; LabctlError that names those that there are."""
    from labctl.errors import LabctlError
    from labctl.spec.problems import nearest
    from labctl.work.execute import running

    found = running(engine, lab)
    if not found:
        raise LabctlError(f"{lab} is not up", f"`labctl up {lab}` brings it up")
    if machine is None:
        raise LabctlError("which machine?", nearest("", found), status=2)
    if machine not in found:
        raise LabctlError(
            f"{lab} has no running machine '{machine}'", nearest(machine, found), status=2
        )
    return found[machine]


@contextmanager
def on_machine(engine: Engine, lab: str, machine: str | None) -> Iterator[str]:
    """The container of a machine that runs; one that visits a sandbox is there meanwhile."""
    from labctl.work.execute import running

    found = running(engine, lab)
    if machine and found and machine not in found:
        from labctl.work.visitor import visiting

        session = session_of(lab)
        known = session.lab.machines.get(machine)
        if known and known.visiting:
            with visiting(session) as visitors:
                yield visitors[machine]
            return
    yield container_of(engine, lab, machine)


def session_of(target: str) -> Session:
    """A lab to look at; nothing is written."""
    from labctl.work.session import Session

    return Session(target, dry=True, running=True)
