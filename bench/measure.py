"""Figures: a sample of repeated measurements, ratios of samples, one row of the result."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from labctl.experiments.apparatus.load import percentile

Measured = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Sample:
    """What repeated measurements of one thing gave, in the order of the rounds."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def share(self, part: float) -> float:
        """The value that this part of the values does not exceed."""
        return percentile(self.values, part)

    def text(self, unit: str = "", digits: int = 2) -> str:
        """Median, range and number: ``1.04 s (1.01–1.12, n=5)``."""
        low, high = min(self.values), max(self.values)
        if unit:
            unit = f" {unit}"
        return (
            f"{self.median:,.{digits}f}{unit} "
            f"({low:,.{digits}f}–{high:,.{digits}f}, n={len(self.values)})"
        )


def ratio(over: Sample, under: Sample) -> Sample:
    """The ratio of two samples, round by round: both halves of a pair ran side by side."""
    pairs = zip(over.values, under.values, strict=True)
    return Sample(tuple(a / b for a, b in pairs))


def interleaved(rounds: int, works: Sequence[Measured]) -> list[Sample]:
    """Measure several things in turn, A B C A B C: what disturbs one disturbs all."""
    found: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for values, work in zip(found, works, strict=True):
            values.append(work())
    return [Sample(tuple(values)) for values in found]


def timed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. ``passed`` is None where there is no bar, or nothing measured."""

    what: str
    bar: str
    figure: str
    passed: bool | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        return {True: "holds", False: "**falls short**", None: "–"}[self.passed]


def at_most(what: str, sample: Sample, bar: float, unit: str = "", note: str = "") -> Row:
    """A row whose median must not be larger than its bar."""
    return Row(what, f"≤ {bar:g} {unit}".strip(), sample.text(unit), sample.median <= bar, note)


def at_least(what: str, sample: Sample, bar: float, note: str = "") -> Row:
    """A row whose median must not be smaller than its bar."""
    return Row(what, f"≥ {bar:g}", sample.text(), sample.median >= bar, note)


def missing(what: str, bar: str, reason: str) -> Row:
    """A row that could not be measured here, and why."""
    return Row(what, bar, "not measured", None, reason)
