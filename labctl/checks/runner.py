"""Runs checks: every question goes to its machine, what comes back is compared here.

A machine is its learner's. However it answers, a check has a result in its time, and no
machine can speak for another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from labctl.checks import asking, command, conversation, machine, reach, sent
from labctl.checks.expect import differences
from labctl.checks.variables import revealed
from labctl.model import Check, Kept, Lab
from labctl.parallel import each

AT_ONCE = 8  # commands on machines at a time: each costs the engine an exec
Seen = Mapping[str, Any]
Keys = Set[tuple[str, str]]  # of checks: exercise and name
Ask = Callable[[str, Mapping[str, Any], float], dict[str, Any]]

# clients that are one command on a machine: (container, question, seconds) → what is seen
SINGLE: Mapping[str, Ask] = {
    "command": command.ask,
    "file": machine.file,
    "process": machine.process,
    "log": machine.log,
    "tcp": conversation.tcp,
    "udp": conversation.udp,
}


@dataclass(frozen=True, slots=True)
class Result:
    """A check with what was seen and what of it does not hold.

    ``attempts`` counts how often it was asked: 0 where checks that it needs do not hold, which
    ``unmet`` names.
    """

    check: Check
    seen: Seen
    differences: tuple[str, ...]
    attempts: int = 1
    unmet: tuple[str, ...] = ()

    @property
    def asked(self) -> bool:
        """Whether it was asked at all."""
        return self.attempts > 0

    @property
    def passed(self) -> bool:
        """Whether everything holds."""
        return self.asked and not self.differences

    @property
    def points(self) -> int:
        """What it counts."""
        return self.check.points if self.passed else 0


def run(
    lab: Lab,
    kept: Kept,
    containers: Mapping[str, str],
    checks: Sequence[Check] | None = None,
    secrets: Mapping[str, str] | None = None,
) -> tuple[Result, ...]:
    """Ask checks, the lab's own unless others are given; the results in their order.

    ``containers`` by machine; ``secrets`` are the values of ``${…}`` by their names.
    """
    return _Run(lab, containers, {**(secrets or {}), **kept.secrets}).all(
        lab.checks if checks is None else checks
    )


class _Run:
    """One run: the results so far."""

    def __init__(self, lab: Lab, containers: Mapping[str, str], secrets: Mapping[str, str]) -> None:
        self.lab = lab
        self.containers = containers
        self.secrets = secrets
        self.results: dict[int, Result] = {}

    def all(self, checks: Sequence[Check]) -> tuple[Result, ...]:
        """Those without needs first, then what needs only them, and so on."""
        waiting = dict(enumerate(checks))
        while waiting:
            states = {(r.check.exercise, r.check.name): r.passed for r in self.results.values()}
            open_ = {(check.exercise, check.name) for check in waiting.values()}
            ready = {n: c for n, c in waiting.items() if not open_ & _needs(c)} or waiting
            waiting = {n: c for n, c in waiting.items() if n not in ready}
            self.round(ready, states)
        return tuple(self.results[n] for n in range(len(checks)))

    def round(self, ready: Mapping[int, Check], states: Mapping[tuple[str, str], bool]) -> None:
        """Ask checks whose needs are decided, and those that fail again, as often as they may."""
        for n, check in ready.items():
            unmet = tuple(need[1] for need in _needs(check) if not states.get(need, False))
            self.results[n] = Result(check, {}, (), 0, unmet)
        again = [n for n in ready if not self.results[n].unmet]
        while again:
            asked = self.ask([ready[n] for n in again])
            for n, result in zip(again, asked, strict=True):
                self.results[n] = replace(result, attempts=self.results[n].attempts + 1)
            again = [n for n in again if self.retried(self.results[n])]

    @staticmethod
    def retried(result: Result) -> bool:
        """Whether a check is to be asked again."""
        return not result.passed and result.attempts <= result.check.retries

    def ask(self, checks: Sequence[Check]) -> list[Result]:
        """Ask some checks at the same time, once."""
        jobs, last = _Jobs(self, checks), _numbers(checks, "commands")
        seen = dict(pair for answered in each(lambda job: job(), jobs.all()) for pair in answered)
        # after all else: some take for an instant everything that a machine has
        answers = command.run([checks[n] for n in last], self.containers)
        seen |= dict(zip(last, answers, strict=True))
        return [self.judged(check, seen[n]) for n, check in enumerate(checks)]

    def judged(self, check: Check, seen: Seen) -> Result:
        """What of a check does not hold."""
        return Result(check, seen, tuple(differences(check.expect, seen, self.secrets)))

    def machine(self, check: Check) -> str:
        """The machine that asks: that of a service, or the one of this name."""
        known = check.origin in self.lab.services
        return self.lab.machine_of(check.origin).name if known else check.origin


def _needs(check: Check) -> Keys:
    """The checks that one needs, of its own exercise."""
    return {(check.exercise, name): None for name in check.needs}.keys()


Job = Callable[[], Iterable[tuple[int, Seen]]]


class _Jobs:
    """Checks as work that can be done at the same time: one exec for many, or one each."""

    def __init__(self, run: _Run, checks: Sequence[Check]) -> None:
        self.run = run
        self.checks = checks
        self.slots = threading.Semaphore(AT_ONCE)

    def all(self) -> Iterator[Job]:
        """All of the work; each job answers some of the checks, by their numbers."""
        together: dict[tuple[str, str], list[int]] = {}
        for n, check in enumerate(self.checks):
            if check.client == "commands":
                continue
            container = self.run.containers.get(self.run.machine(check))
            if container is None:
                yield partial(_absent, n, self.run.machine(check))
            elif check.client in SINGLE:
                yield partial(self.single, n, container)
            else:
                kind = "reach" if check.client == "reach" else "sent"
                together.setdefault((container, kind), []).append(n)
        for (container, kind), numbers in together.items():
            yield partial(getattr(self, kind), numbers, container)

    def single(self, n: int, container: str) -> Iterable[tuple[int, Seen]]:
        """One command on a machine."""
        check = self.checks[n]
        with self.slots:
            seen = SINGLE[check.client](container, self.question(n), check.seconds)
        return [(n, asking.kept(seen))]

    def sent(self, numbers: list[int], container: str) -> Iterable[tuple[int, Seen]]:
        """Questions for the clients that run in a machine's Python."""
        checks = [self.checks[n] for n in numbers]
        questions = [self.question(n) for n in numbers]
        return zip(numbers, sent.ask(checks, questions, container), strict=True)

    def reach(self, numbers: list[int], container: str) -> Iterable[tuple[int, Seen]]:
        """Connections, which any machine can try."""
        answers = reach.ask([self.checks[n].ask for n in numbers], container)
        return zip(numbers, answers, strict=True)

    def question(self, n: int) -> Any:
        """A question with its secrets, on its way to whom it is for."""
        return revealed(self.checks[n].ask, self.run.secrets)


def _absent(n: int, machine: str) -> Iterable[tuple[int, Seen]]:
    return [(n, {"error": f"the machine '{machine}' does not run"})]


def _numbers(checks: Sequence[Check], client: str) -> list[int]:
    return [n for n, check in enumerate(checks) if check.client == client]
