"""A comparison as one page of HTML: pictures, charts and figures, fit to be shown to a class.

Self-contained: style and pictures are inside, nothing is asked of any server, there is no
script. Every value is text wherever it lands (Jinja's autoescape); only our own pictures, which
escape what they are made of, go in as they are.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import dataclass

import jinja2
from markupsafe import Markup

from labctl import experiments, resources
from labctl.experiments import Figure
from labctl.experiments.comparison import Comparison, Row
from labctl.picture import bars, topology

TEMPLATE = "compare/page.html.j2"


@dataclass(frozen=True, slots=True)
class Shown:
    """A row as the page shows it: cells in the order of the platforms, and a chart or ""."""

    title: str
    unit: str
    direction: str
    cells: tuple[Figure, ...]
    chart: Markup


@dataclass(frozen=True, slots=True)
class Section:
    """One experiment on the page: what it is about in a line, why, its steps and its rows."""

    name: str
    title: str
    lead: str
    why: tuple[str, ...]
    steps: tuple[str, ...]
    command: str
    rows: tuple[Shown, ...]


def page(found: Comparison) -> str:
    """The page as text."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.templates()),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    who = [row for row in found.rows if row.experiment == "who"]
    return environment.get_template(TEMPLATE).render(
        found=found,
        style=Markup(topology.STYLE + bars.STYLE),  # noqa: S704 (our own)
        pictures=[Markup(topology.picture(column.lab)) for column in found.columns],  # noqa: S704 (ours)
        sections=list(_sections(found)),
        who=[_shown(found, row, "") for row in who],
        who_command=found.command("who"),
    )


def _sections(found: Comparison) -> Iterable[Section]:
    for name in experiments.COMPARED:
        rows = [row for row in found.rows if row.experiment == name]
        if name == "who" or not rows:
            continue
        module = experiments.load(name)
        lead, *why = inspect.cleandoc(module.__doc__).split("\n\n")
        yield Section(
            name=name,
            title=module.TITLE,
            lead=" ".join(lead.split()),
            why=tuple(" ".join(part.split()) for part in why),
            steps=module.STEPS,
            command=found.command(name),
            rows=tuple(_shown(found, row, f"{name}-{n}") for n, row in enumerate(rows)),
        )


_DIRECTIONS = {"lower": "less is better", "higher": "more is better", None: ""}
_FAILED = "could not be measured"


def _shown(found: Comparison, row: Row, name: str) -> Shown:
    cells = tuple(
        row.figures.get(platform, Figure(row.key, row.title, None, note=_FAILED))
        for platform in found.platforms
    )
    return Shown(
        row.title, row.first.unit, _DIRECTIONS[row.first.better], cells,
        _chart(found, row, cells, name),
    )  # fmt: skip


def _chart(found: Comparison, row: Row, cells: Iterable[Figure], name: str) -> Markup:
    """Bars, where there are numbers to compare."""
    drawn = [
        bars.Bar(platform, _number(figure), figure.text)
        for platform, figure in zip(found.platforms, cells, strict=True)
    ]
    if not name or not any(bar.value for bar in drawn):
        return Markup()
    return Markup(bars.draw(row.title, drawn, f"chart-{name}"))  # noqa: S704 (escapes its words)


def _number(figure: Figure) -> float | None:
    return figure.value if isinstance(figure.value, int | float) else None
