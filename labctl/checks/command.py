"""Checks that run fixed commands on machines: ``command`` on one, ``commands`` on several.

* ``command`` asks ``{"command": [...]}`` of its origin and sees ``status`` and ``output``.
* ``commands`` asks ``{"commands": {key: (machine, word, …)}, "line": name}``; it sees by key
  what follows that name at the start of a line of the output.

The same command is run on a machine once, whoever asks. What a machine answers is data from
its learner: so much of it, for so long, and nothing more.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from labctl.model import Check, Lab
from labctl.parallel import each

CLIENTS = frozenset({"command", "commands"})
SECONDS = 20
_MAX_OUTPUT = 64 * 1024

Command = tuple[str, ...]  # a machine and the words


def run(
    checks: Sequence[Check], lab: Lab, containers: Mapping[str, str]
) -> list[Mapping[str, Any]]:
    """What checks see; ``containers`` by machine."""
    wanted = dict.fromkeys(command for check in checks for command in _of(check, lab).values())
    answers: dict[Command, dict[str, Any]] = {}
    # one after the other: what takes all processes of a machine leaves none for the next
    for words in dict.fromkeys(command[1:] for command in wanted):
        same = [command for command in wanted if command[1:] == words]
        found = each(lambda command: on_machine(containers.get(command[0]), command[1:]), same)
        answers |= zip(same, found, strict=True)
    return [_seen(check, {k: answers[c] for k, c in _of(check, lab).items()}) for check in checks]


def on_machine(container: str | None, words: Sequence[str]) -> dict[str, Any]:
    """Run a command in a container: its ``status`` and ``output``, or an ``error``."""
    if container is None:
        return {"error": "the machine does not run"}
    limit = ["timeout", "--signal=KILL", str(SECONDS)]
    with subprocess.Popen(
        ["docker", "exec", container, *limit, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout
        output = process.stdout.read(_MAX_OUTPUT)
        if len(output) == _MAX_OUTPUT:
            process.kill()
    if process.returncode == 128 + 9:
        return {"error": f"no end within {SECONDS} s"}
    return {"status": process.returncode, "output": output.decode(errors="replace")}


def _of(check: Check, lab: Lab) -> Mapping[str, Command]:
    if check.client == "command":
        return {"": (lab.machine_of(check.origin).name, *check.ask["command"])}
    commands: Mapping[str, Command] = check.ask["commands"]
    return commands


def _seen(check: Check, answers: Mapping[str, dict[str, Any]]) -> Mapping[str, Any]:
    if check.client == "command":
        return answers[""]
    return {key: _line(check.ask["line"], answer) for key, answer in answers.items()}


def _line(name: str, answer: Mapping[str, Any]) -> str:
    """What an answer says after a name; all of it where it does not have that line."""
    output = str(answer.get("error") or answer["output"])
    said = [line.removeprefix(f"{name} ") for line in output.splitlines()
            if line.startswith(f"{name} ")]  # fmt: skip
    return said[0] if said else output.strip()
