"""Runs checks: one exec carries a machine's questions into it, typed results come back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from labctl.checks import command, tcp
from labctl.checks.expect import differences
from labctl.errors import LabctlError
from labctl.model import Check, Kept, Lab
from labctl.parallel import each

TIMEOUT = 120
_TCP = "tcp"  # the client that runs without Python
_MAX_OUTPUT = 16 * 2**20

# Runs in the machine, which is its learner's: what it answers is data, nothing more.
_MAIN = """
import concurrent.futures, json, sys, types
work = json.load(sys.stdin)
clients = {}
for name, source in work["clients"].items():
    clients[name] = types.ModuleType(name)
    exec(compile(source, name, "exec"), clients[name].__dict__)
def one(job):
    try:
        return clients[job["client"]].ask(job["ask"])
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    json.dump(list(pool.map(one, work["jobs"])), sys.stdout)
"""


@dataclass(frozen=True, slots=True)
class Result:
    """A check with what was seen and what of it does not hold."""

    check: Check
    seen: Mapping[str, Any]
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything holds."""
        return not self.differences


def run(lab: Lab, kept: Kept, containers: Mapping[str, str]) -> tuple[Result, ...]:
    """Ask every check of a lab from its machine (name → container), in the lab's order."""
    numbers: dict[tuple[str, bool], list[int]] = {}
    for n, check in enumerate(lab.checks):
        if check.client in command.CLIENTS:
            continue
        numbers.setdefault((check.origin, check.client == _TCP), []).append(n)

    def one(group: tuple[str, bool]) -> list[dict[str, Any]]:
        machine = lab.machine_of(group[0]).name
        checks = [lab.checks[n] for n in numbers[group]]
        if machine not in containers:
            return [{"error": f"the machine '{machine}' does not run"}] * len(checks)
        if group[1]:
            return _tried(checks, containers[machine])
        return _asked(checks, kept, containers[machine])

    answers = zip(numbers.values(), each(one, numbers), strict=True)
    seen = {n: answer for ns, group in answers for n, answer in zip(ns, group, strict=True)}
    seen |= _commanded(lab, containers)
    return tuple(
        Result(check, seen[n], tuple(differences(check.expect, seen[n])))
        for n, check in enumerate(lab.checks)
    )


def _commanded(lab: Lab, containers: Mapping[str, str]) -> dict[int, dict[str, Any]]:
    """Commands, after all else: some take for an instant everything that a machine has."""
    asked = {n: c for n, c in enumerate(lab.checks) if c.client in command.CLIENTS}
    seen = command.run(list(asked.values()), lab, containers)
    return {n: dict(answer) for n, answer in zip(asked, seen, strict=True)}


def _asked(checks: Sequence[Check], kept: Kept, container: str) -> list[dict[str, Any]]:
    """Questions for the clients that run in the machine's Python."""
    jobs = [{"client": c.client, "ask": revealed(c.ask, kept)} for c in checks]
    work = {"clients": {j["client"]: _source(j["client"]) for j in jobs}, "jobs": jobs}
    done = _run(container, ["python3", "-I", "-c", _MAIN], json.dumps(work).encode())
    return _unanswered(checks) if done is None else _answers(done, len(jobs))


def _tried(checks: Sequence[Check], container: str) -> list[dict[str, Any]]:
    """Connections, which any machine can try."""
    asks = [check.ask for check in checks]
    done = _run(container, tcp.COMMAND, tcp.written(asks))
    if done is None:
        return _unanswered(checks)
    try:
        return tcp.understood(asks, done.stdout)
    except (KeyError, ValueError, StopIteration):
        raise _not_run(done) from None


def _run(
    container: str, command: Sequence[str], work: bytes
) -> subprocess.CompletedProcess[bytes] | None:
    """Run a command in a machine; None where it takes too long."""
    try:
        return subprocess.run(
            ["docker", "exec", "-i", container, *command],
            input=work,
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None


def _unanswered(checks: Sequence[Check]) -> list[dict[str, Any]]:
    return [{"error": f"no answer within {TIMEOUT} s"}] * len(checks)


def _answers(done: subprocess.CompletedProcess[bytes], count: int) -> list[dict[str, Any]]:
    try:
        answers = json.loads(done.stdout[:_MAX_OUTPUT])
    except ValueError:
        raise _not_run(done) from None
    if not isinstance(answers, list) or len(answers) != count:
        raise LabctlError("the client machine answered something else than the checks' results")
    return [a if isinstance(a, dict) else {"error": "no result"} for a in answers]


def _not_run(done: subprocess.CompletedProcess[bytes]) -> LabctlError:
    words = done.stderr.decode(errors="replace").strip().splitlines()
    return LabctlError(
        f"the checks could not run in the lab: {words[-1] if words else 'no answer'}",
        "`labctl status` shows whether its client machine runs",
    )


def _source(client: str) -> str:
    return resources.files("labctl.checks").joinpath(f"{client}.py").read_text(encoding="utf-8")


def revealed(value: Any, kept: Kept) -> Any:
    """A question with every ``{"secret": name}`` replaced by the secret of that name."""
    if isinstance(value, Mapping):
        if set(value) == {"secret"}:
            return kept.secrets[value["secret"]]
        return {key: revealed(item, kept) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [revealed(item, kept) for item in value]
    return value
