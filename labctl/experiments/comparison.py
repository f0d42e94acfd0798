"""A comparison of platforms: what was measured, by platform and by figure. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from labctl.experiments import COMPARED, Figure
from labctl.model import Lab, PlatformName


@dataclass(frozen=True, slots=True)
class Column:
    """What was measured on one platform: figures by their key, and what could not be done.

    ``lab`` is the lab as it is placed there, for its picture; ``seconds`` all of it took.
    """

    platform: PlatformName
    lab: Lab
    figures: dict[str, Figure]
    troubles: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One figure on all platforms, and the experiment that it comes from."""

    experiment: str
    key: str
    title: str
    figures: dict[PlatformName, Figure]

    @property
    def first(self) -> Figure:
        """One of them: unit and direction are the same on all."""
        return next(iter(self.figures.values()))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A lab on several platforms, measured in one run; ``host`` says on what, in words."""

    target: str
    lab: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = ()
    host: str = ""

    @property
    def platforms(self) -> tuple[PlatformName, ...]:
        """The platforms that were compared."""
        return tuple(column.platform for column in self.columns)

    @property
    def troubles(self) -> tuple[str, ...]:
        """Everything that could not be measured, and why."""
        return tuple(f"{c.platform}: {text}" for c in self.columns for text in c.troubles)

    def command(self, experiment: str, platform: str = "PLATFORM") -> str:
        """What reproduces the figures of an experiment."""
        return command(experiment, self.target, platform)


def command(experiment: str, target: str, platform: str) -> str:
    """The command line of one experiment."""
    return f"labctl experiment {experiment} {shlex.quote(target)} --on {platform}"


def rows(columns: Iterable[Column]) -> Iterator[Row]:
    """The rows of the table: experiments in their order, figures in theirs."""
    columns = tuple(columns)
    for name in COMPARED:
        found = [k for column in columns for k in column.figures if k.partition(".")[0] == name]
        for key in dict.fromkeys(found):
            figures = {c.platform: c.figures[key] for c in columns if key in c.figures}
            title = next(iter(figures.values())).title
            yield Row(name, key, title, figures)
