"""Checks that run fixed commands on machines: ``command`` on one, ``commands`` on several.

* ``command`` asks ``{"command": [...]}`` of its origin and sees ``status`` and ``output``.
* ``commands`` asks ``{"commands": {key: (machine, word, …)}, "line": name}``; it sees by key
  what follows that name at the start of a line of the output.

Of ``commands`` the same one is run on a machine once, whoever asks. What a machine answers is
data from its learner: so much of it, for so long, and nothing more.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from labctl.checks import bounded
from labctl.model import Check
from labctl.parallel import each

SECONDS = 20
_PATIENCE = 5  # seconds more for the engine, where a machine does not keep to its time itself
_KILLED = 128 + 9

Command = tuple[str, ...]  # a machine and the words


def ask(container: str, question: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """``status`` and ``output`` of a question's command, and how long it took."""
    begin = time.monotonic()
    work, user = question.get("input", "").encode(), question.get("user", "root")
    seen = on_machine(container, question["command"], seconds, work, user)
    return {**seen, "milliseconds": round((time.monotonic() - begin) * 1000)}


def on_machine(
    container: str | None,
    words: Sequence[str],
    seconds: float = SECONDS,
    work: bytes = b"",
    user: str = "root",
) -> dict[str, Any]:
    """Run a command in a container: its ``status`` and ``output``, or an ``error``."""
    ran = executed(container, words, seconds, work, user)
    if isinstance(ran, str):
        return {"error": ran}
    return {"status": ran.status, "output": ran.out.decode(errors="replace")}


def executed(
    container: str | None,
    words: Sequence[str],
    seconds: float,
    work: bytes = b"",
    user: str = "root",
) -> bounded.Ran | str:
    """A command that has run in a container to its end, or why it has not."""
    if container is None:
        return "the machine does not run"
    limit = ["timeout", "--signal=KILL", f"{seconds:g}"]
    command = ["docker", "exec", "-i", "--user", user, container, *limit, *words]
    ran = bounded.run(command, seconds + _PATIENCE, work, together=True)
    if ran.status == _KILLED or ran.ended.startswith("no end"):
        return f"no end within {seconds:g} s"
    return ran.ended or ran


def run(checks: Sequence[Check], containers: Mapping[str, str]) -> list[Mapping[str, Any]]:
    """What checks of ``commands`` see; ``containers`` by machine."""
    wanted = dict.fromkeys(one for c in checks for one in c.ask["commands"].values())
    answers: dict[Command, dict[str, Any]] = {}
    # one after the other: what takes all processes of a machine leaves none for the next
    for words in dict.fromkeys(command[1:] for command in wanted):
        same = [command for command in wanted if command[1:] == words]
        found = each(lambda command: on_machine(containers.get(command[0]), command[1:]), same)
        answers |= zip(same, found, strict=True)
    return [
        {key: _line(c.ask["line"], answers[one]) for key, one in c.ask["commands"].items()}
        for c in checks
    ]


def _line(name: str, answer: Mapping[str, Any]) -> str:
    """What an answer says after a name; all of it where it does not have that line."""
    output = str(answer.get("error") or answer["output"])
    said = [line.removeprefix(f"{name} ") for line in output.splitlines()
            if line.startswith(f"{name} ")]  # fmt: skip
    return said[0] if said else output.strip()
