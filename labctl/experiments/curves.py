"""Figures of a load against concurrency, as tables and as charts. Pure.

Their keys are ``<start>.<name>.<requests at once>.<rate|p50|p99>``; what was not measured has no
value and is a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from labctl.experiments import Figure, Table, number
from labctl.picture import lines

AT_ONCE = (1, 2, 4, 8, 16, 32, 64)  # requests under way


@dataclass(frozen=True, slots=True)
class Curve:
    """What was measured of one server: by requests at once, a value of each measure."""

    name: str
    rate: dict[int, float] = field(default_factory=dict)
    p50: dict[int, float] = field(default_factory=dict)
    p99: dict[int, float] = field(default_factory=dict)


Curves = Mapping[str, Curve]


def curves(figures: Iterable[Figure], start: str) -> Curves:
    """The curves among figures, by the names of their servers, in the order of measuring."""
    found: dict[str, Curve] = {}
    for figure in figures:
        rest = figure.key.removeprefix(f"{start}.").split(".")
        if figure.key.startswith(f"{start}.") and len(rest) == 3:
            name, at_once, measure = rest
            curve = found.setdefault(name, Curve(name))
            if isinstance(figure.value, int | float):
                getattr(curve, measure)[int(at_once)] = float(figure.value)
    return found


def tabled(words: str, found: Curves) -> Iterable[Table]:
    """Answers a second and milliseconds, a row for each server."""
    heads = ("AT ONCE", *map(str, AT_ONCE))
    for title, measure in (
        ("answers a second", "rate"),
        ("milliseconds, half of the answers (p50)", "p50"),
        ("milliseconds, 99 of 100 answers (p99)", "p99"),
    ):
        rows = tuple(
            (curve.name, *(_cell(getattr(curve, measure), n) for n in AT_ONCE))
            for curve in found.values()
        )
        yield Table(f"{words.capitalize()}: {title}", heads, rows)


def _cell(values: Mapping[int, float], at_once: int) -> str:
    return number(values[at_once]) if at_once in values else "–"


def drawn(title: str, pages: Mapping[str, Curves]) -> str:
    """An SVG document: for each page a chart of the rates and one of the latencies."""
    panels = []
    for words, found in pages.items():
        rates = [lines.Line(curve.name, curve.rate) for curve in found.values()]
        times = [lines.Line(curve.name, curve.p50) for curve in found.values()]
        panels.append(lines.Panel(f"{words}: answers a second", rates, log=_apart(rates)))
        panels.append(lines.Panel(f"{words}: milliseconds, half of the answers", times, log=True))
    return lines.draw(title, "requests at once", AT_ONCE, panels)


def _apart(drawn: Iterable[lines.Line]) -> bool:
    """Whether values are so far from each other that the smaller ones' bends would not be seen."""
    values = [value for line in drawn for value in line.values.values()]
    return bool(values) and max(values) > 10 * min(values)
