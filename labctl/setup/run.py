"""Executes steps, saying each before it is done. Decides nothing."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Sequence
from typing import Protocol

from labctl.setup import engine
from labctl.setup.host import ROOT, Host
from labctl.setup.plan import Command, Step


class Runner(Protocol):
    """Runs one command and returns its exit status."""

    def __call__(self, command: Command, /) -> int:
        """Run ``command`` with the terminal's output."""


def system(command: Command) -> int:
    """Run a command in the checkout, without standard input; 127 where it is missing."""
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, cwd=ROOT, check=False).returncode
    except FileNotFoundError:
        return 127


def as_user(command: Command, step: Step, host: Host) -> Command:
    """The command with the rights that its step needs.

    ``sg`` gives this session the group ``docker`` that its user has only just got.
    """
    if step.root and not host.is_root:
        return ("sudo", *command)
    if step.docker and not host.is_root and host.engine is not engine.State.ANSWERS:
        return ("sg", "docker", "-c", shlex.join(command))
    return command


def may_run(steps: Sequence[Step], host: Host) -> bool:
    """Whether this user has the rights for all steps."""
    return host.is_root or host.has_sudo or not any(step.root for step in steps)


def for_administrator(steps: Sequence[Step]) -> str:
    """What somebody with root's rights must run, up to the last step that needs them."""
    last = max((number for number, step in enumerate(steps) if step.root), default=-1)
    needed = steps[: last + 1]
    lines = [f"  cd {shlex.quote(str(ROOT))}"]
    for step in needed:
        lines += [f"  {shlex.join(command)}    # {step.what}" for command in step.commands]
    return "\n".join(lines)


def run(
    steps: Sequence[Step], host: Host, runner: Runner = system, dry: bool = False
) -> Step | None:
    """Do the steps in order; the first one that failed, or None."""
    for number, step in enumerate(steps, 1):
        print(f"[{number}/{len(steps)}] {step.what}: {step.why}", flush=True)
        if not _do(step, host, runner, dry) and not step.tolerant:
            return step
    return None


def _do(step: Step, host: Host, runner: Runner, dry: bool) -> bool:
    for plain in step.commands:
        command = as_user(plain, step, host)
        print(f"    {shlex.join(command)}", flush=True)
        if dry:
            continue
        status = runner(command)
        if status != 0:
            print(f"    exit status {status}", file=sys.stderr, flush=True)
            return False
    return dry or not step.starts_engine or engine.wait()
