"""Runs checks: one exec carries all questions into a machine, typed results come back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

from labctl.checks.expect import differences
from labctl.errors import LabctlError
from labctl.model import Check, Kept, Lab

TIMEOUT = 120
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
    seen: dict[int, Mapping[str, Any]] = {}
    for origin in dict.fromkeys(check.origin for check in lab.checks):
        numbers = [n for n, check in enumerate(lab.checks) if check.origin == origin]
        machine = lab.machine_of(origin).name
        if machine not in containers:
            answers = [{"error": f"the machine '{machine}' does not run"}] * len(numbers)
        else:
            answers = _asked([lab.checks[n] for n in numbers], kept, containers[machine])
        seen.update(zip(numbers, answers, strict=True))
    return tuple(
        Result(check, seen[n], tuple(differences(check.expect, seen[n])))
        for n, check in enumerate(lab.checks)
    )


def _asked(checks: Iterable[Check], kept: Kept, container: str) -> list[dict[str, Any]]:
    jobs = [{"client": c.client, "ask": revealed(c.ask, kept)} for c in checks]
    work = {"clients": {j["client"]: _source(j["client"]) for j in jobs}, "jobs": jobs}
    try:
        done = subprocess.run(
            ["docker", "exec", "-i", container, "python3", "-I", "-c", _MAIN],
            input=json.dumps(work).encode(),
            capture_output=True,
            timeout=TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return [{"error": f"no answer within {TIMEOUT} s"}] * len(jobs)
    return _answers(done, len(jobs))


def _answers(done: subprocess.CompletedProcess[bytes], count: int) -> list[dict[str, Any]]:
    try:
        answers = json.loads(done.stdout[:_MAX_OUTPUT])
    except ValueError:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise LabctlError(
            f"the checks could not run in the lab: {words[-1] if words else 'no answer'}",
            "`labctl status` shows whether its client machine runs",
        ) from None
    if not isinstance(answers, list) or len(answers) != count:
        raise LabctlError("the client machine answered something else than the checks' results")
    return [a if isinstance(a, dict) else {"error": "no result"} for a in answers]


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
