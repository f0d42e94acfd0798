"""``labctl experiment``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.cli import common
from labctl.errors import LabctlError
from labctl.platforms import NAMES

if TYPE_CHECKING:
    from labctl.experiments import Experiment, Figure


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    from labctl import experiments

    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        choices=experiments.NAMES,
        help=f"which: {', '.join(experiments.NAMES)}; without one, all are listed",
    )
    parser.add_argument(
        "lab", nargs="?", metavar="LAB", help="on which lab; the one of this folder, or the only up"
    )
    parser.add_argument("--on", choices=NAMES, help="on which platform (the one that it is up on)")
    parser.add_argument(
        "--explain", action="store_true", help="say what it measures and how, and do nothing"
    )
    parser.add_argument(
        "--svg", type=Path, metavar="FILE", help="draw it as well, where it has curves"
    )
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """List, explain or run."""
    from labctl.cli.output import say_json
    from labctl.cli.steps import Steps
    from labctl.experiments import load
    from labctl.work.comparing import experiment
    from labctl.work.which import the_lab

    if options.name is None:
        print(listed())
        return 0
    if options.explain:
        print(explained(options.name))
        return 0
    module = load(options.name)
    draw = _pen(module) if options.svg else None
    common.in_a_folder(options.svg)
    target = options.lab or the_lab()
    platform, figures = experiment(options.name, target, options.on, Steps())
    if draw:
        options.svg.write_text(draw(figures), encoding="utf-8")
    if options.json:
        say_json({"platform": platform, "figures": [as_json(figure) for figure in figures]})
    else:
        print(text(module, figures))
    return 0


def _pen(module: Experiment) -> Callable[[Sequence[Figure]], str]:
    """What draws an experiment's figures; LabctlError where nothing does."""
    pen: Callable[[Sequence[Figure]], str] | None = getattr(module, "picture", None)
    if pen is None:
        name = module.__name__.rpartition(".")[2]
        raise LabctlError(f"the experiment '{name}' has no curves to draw", status=2)
    return pen


def listed() -> str:
    """All experiments."""
    from labctl import experiments
    from labctl.cli.output import table

    rows = []
    for name in experiments.NAMES:
        module = experiments.load(name)
        rows.append((name, module.TITLE, _NEEDS[module.NEEDS]))
    return table(rows, ("EXPERIMENT", "MEASURES", "NEEDS"))


_NEEDS = {
    "paper": "the lab file",
    "running": "a lab that is up, or makes one",
    "own": "makes a lab of its own",
}


def explained(name: str) -> str:
    """What an experiment measures and why, and its steps."""
    from labctl import experiments
    from labctl.cli.output import paint

    module = experiments.load(name)
    steps = [f"  {number}. {step}" for number, step in enumerate(module.STEPS, 1)]
    parts = [
        paint(module.TITLE, "bold"), module.__doc__.strip(), "Its steps:\n" + "\n".join(steps),
        f"It needs: {_NEEDS[module.NEEDS]}. Its code: {module.__file__}",
    ]  # fmt: skip
    return "\n\n".join(parts)


def text(module: Experiment, figures: Sequence[Figure]) -> str:
    """Figures as a table: a row each, or a row for those that stand side by side; or as those
    tables that the experiment makes of them.
    """
    from labctl.cli.output import paint, table

    if hasattr(module, "tables"):
        parts = [paint(t.title, "bold") + "\n" + table(t.rows, t.heads)
                 for t in module.tables(figures)]  # fmt: skip
        return "\n\n".join(parts)
    if sides := tuple(dict.fromkeys(figure.side for figure in figures if figure.side)):
        return table(beside(figures, sides), ("FIGURE", *(side.upper() for side in sides)))
    rows = [(figure.title, figure.text, figure.note) for figure in figures]
    return table(rows, ("FIGURE", "VALUE", "NOTE"))


def beside(figures: Sequence[Figure], sides: Sequence[str]) -> list[tuple[str, ...]]:
    """Figures by title, those of each side in a column of their own."""
    found = {(figure.title, figure.side): figure.text for figure in figures}
    titles = dict.fromkeys(figure.title for figure in figures)
    return [(title, *(found.get((title, side), "–") for side in sides)) for title in titles]


def as_json(figure: Figure) -> dict[str, Any]:
    """One figure for scripts."""
    from dataclasses import asdict

    return asdict(figure)
