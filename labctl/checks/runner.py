"""Runs checks: every question goes to its machine, what comes back is compared here.

A machine is its learner's. However it answers, a check has a result in its time, and no
machine can speak for another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from labctl.checks.expect import differences
from labctl.checks.inside import Machines, Seen
from labctl.checks.variables import revealed
from labctl.model import Check, Kept, Lab

Keys = Set[tuple[str, str]]  # of checks: exercise and name
Place = Callable[[Sequence[Check], Sequence[Any]], Sequence[Seen]]  # questions → what is seen


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
    values = {**(secrets or {}), **kept.secrets}
    with closing(Machines(lab, containers)) as machines:
        return run_at(machines, lab.checks if checks is None else checks, values)


def run_at(place: Place, checks: Sequence[Check], secrets: Mapping[str, str]) -> tuple[Result, ...]:
    """Ask checks at any place that takes questions; the results in their order."""
    return _Run(place, secrets).all(checks)


class _Run:
    """One run: the results so far."""

    def __init__(self, place: Place, secrets: Mapping[str, str]) -> None:
        self.place = place
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
        questions = [revealed(check.ask, self.secrets) for check in checks]
        answers = self.place(checks, questions)
        return [self.judged(check, seen) for check, seen in zip(checks, answers, strict=True)]

    def judged(self, check: Check, seen: Seen) -> Result:
        """What of a check does not hold."""
        return Result(check, seen, tuple(differences(check.expect, seen, self.secrets)))


def _needs(check: Check) -> Keys:
    """The checks that one needs, of its own exercise."""
    return {(check.exercise, name): None for name in check.needs}.keys()
