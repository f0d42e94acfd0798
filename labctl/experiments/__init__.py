"""Experiments: each measures one difference, most between the platforms. One module each, by name.

An experiment module has

* a docstring that says to learners what is measured, and why,
* ``TITLE``: the same in a few words,
* ``NEEDS``: "paper" where the lab file is enough, "running" where it only looks at a lab that is
  up, "own" where it would harm one or needs one from its beginning: a lab made for it,
* ``STEPS``: what it does, in order,
* ``run(bench) -> Iterable[Figure]``: does it,
* optionally ``tables(figures) -> Iterable[Table]``: its figures side by side, where a line for
  each would be too many,
* optionally ``picture(figures) -> str``: its figures as an SVG document.

An experiment knows the lab from its model and reaches machines through its bench
(``labctl.experiments.apparatus``). What a lab does not have is a figure without a value that
says why: the table of a comparison has the same rows for every platform. One that compares
something else than platforms is not ``COMPARED``; its figures may have a ``side`` each.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, cast

from labctl.errors import LabctlError
from labctl.spec.problems import nearest, printable

if TYPE_CHECKING:
    from labctl.experiments.apparatus.bench import Bench

# the order of a comparison: what looks comes before what harms, what changes the lab comes last
COMPARED = ("answer", "reach", "blast", "crash", "neighbour", "change", "who")
# what compares something else than platforms, in labs made for it
NAMES = (*COMPARED, "servers", "workers", "push")
Better = Literal["lower", "higher"]
Needs = Literal["paper", "running", "own"]
Say = Callable[[str], None]  # is told each step


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing that was measured.

    ``key`` is unique among all experiments, and the same on every platform. ``value`` is None
    where it cannot be measured, and ``note`` says why; else ``note`` gives examples. ``better``
    is None where neither more nor less of it is good in itself. Figures of one title with another
    ``side`` each stand side by side.
    """

    key: str
    title: str
    value: float | str | None
    unit: str = ""
    better: Better | None = None
    note: str = ""
    side: str = ""

    def __post_init__(self) -> None:
        """What machines have said is text: no terminal obeys it."""
        object.__setattr__(self, "note", printable(self.note))
        if isinstance(self.value, str):
            object.__setattr__(self, "value", printable(self.value))

    @property
    def text(self) -> str:
        """The value with its unit, for people."""
        if self.value is None:
            return "–"
        shown = self.value if isinstance(self.value, str) else number(self.value)
        return f"{shown} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True)
class Table:
    """Figures side by side: what they are, the heads of the columns, and the rows as text."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Experiment(Protocol):
    """The face of an experiment module."""

    __doc__: str
    __name__: str
    __file__: str
    TITLE: str
    NEEDS: Needs
    STEPS: tuple[str, ...]

    def run(self, bench: Bench) -> Iterable[Figure]:
        """Measure."""


def load(name: str) -> Experiment:
    """The experiment called ``name``; LabctlError that names those that there are."""
    if name not in NAMES:
        raise LabctlError(f"there is no experiment '{name}'", nearest(name, NAMES), status=2)
    return cast(Experiment, importlib.import_module(f"{__name__}.{name}"))


def number(value: float) -> str:
    """A number with three digits that matter, and no more."""
    if value == int(value):
        return f"{int(value):,}"
    places = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:,.{places}f}"


def some(names: Iterable[str], count: int = 4) -> str:
    """A few examples out of many, and how many more there are."""
    found = list(dict.fromkeys(names))
    more = f" and {len(found) - count} more" if len(found) > count else ""
    return ", ".join(found[:count]) + more
