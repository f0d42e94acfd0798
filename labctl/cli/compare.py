"""``labctl compare``."""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl.cli import common
from labctl.platforms import NAMES

if TYPE_CHECKING:
    from labctl.experiments.comparison import Comparison, Row
    from labctl.model import PlatformName


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    parser.add_argument(
        "--on",
        type=_platforms,
        default=(),
        metavar="PLATFORM,…",
        help="only these platforms (all that the lab does not refuse)",
    )
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="write a page with pictures and charts as well"
    )
    common.json_argument(parser)


def _platforms(text: str) -> tuple[PlatformName, ...]:
    found = tuple(name for name in NAMES if name in text.split(","))
    unknown = [word for word in text.split(",") if word not in NAMES]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"'{unknown[0]}' is no platform; there are {', '.join(NAMES)}"
        )
    return found


def run(options: argparse.Namespace) -> int:
    """Measure on each platform, one after the other; 0 when everything was measured."""
    from labctl.cli.output import paint, say_json
    from labctl.cli.steps import Steps
    from labctl.work.comparing import compare

    gc.enable()  # this one takes minutes
    common.in_a_folder(options.html)
    found = compare(options.lab, options.on, Steps())
    if options.html:
        from labctl.picture.page import page

        options.html.write_text(page(found), encoding="utf-8")
    if options.json:
        say_json(as_json(found))
    else:
        print(text(found))
    for trouble in found.troubles:
        print(paint(trouble, "red", sys.stderr), file=sys.stderr)
    return 1 if found.troubles else 0


def text(found: Comparison) -> str:
    """One table: figures, platforms, and the command that reproduces a row."""
    from labctl.cli.output import paint, table

    rows = [
        (row.title, *(_cell(row, one) for one in found.platforms), found.command(row.experiment))
        for row in found.rows
        if row.experiment != "who"
    ]
    heads = ("FIGURE", *(name.upper() for name in found.platforms), "REPRODUCE WITH")
    title = f"{found.lab}: {found.title}" if found.title else found.lab
    return "\n\n".join([paint(title, "bold"), table(rows, heads), *_reasons(found), *_who(found)])


def _reasons(found: Comparison) -> list[str]:
    """Why some figures are missing: each reason once, with the platforms that it is true of."""
    reasons: dict[str, list[str]] = {}
    for row in found.rows:
        for platform, figure in row.figures.items():
            if figure.value is None and row.experiment != "who":
                reasons.setdefault(figure.note, []).append(platform)
    lines = [f"–  {note} ({', '.join(dict.fromkeys(on))})" for note, on in reasons.items()]
    return ["\n".join(lines)] if lines else []


def _cell(row: Row, platform: PlatformName) -> str:
    return row.figures[platform].text if platform in row.figures else "failed"


def _who(found: Comparison) -> list[str]:
    """Who does what: sentences, so below each other."""
    from labctl.cli.output import paint

    rows = [row for row in found.rows if row.experiment == "who" and len(row.key) > len("who")]
    if not rows:
        return []
    lines = [paint("Who does what (not measured: from the lab file)", "bold")]
    for row in rows:
        lines.append(row.title)
        lines += [f"  {name:10}  {_cell(row, name)}" for name in found.platforms]
    return ["\n".join(lines)]


def as_json(found: Comparison) -> dict[str, Any]:
    """The raw figures for scripts."""
    return {
        "lab": found.lab,
        "title": found.title,
        "host": found.host,
        "platforms": [
            {"name": c.platform, "seconds": c.seconds, "troubles": c.troubles}
            for c in found.columns
        ],
        "rows": [_row(found, row) for row in found.rows],
    }


def _row(found: Comparison, row: Row) -> dict[str, Any]:
    return {
        "key": row.key,
        "experiment": row.experiment,
        "title": row.title,
        "unit": row.first.unit,
        "better": row.first.better,
        "measured": row.experiment != "who",
        "figures": {
            name: {
                "value": figure.value,
                "note": figure.note,
                "command": found.command(row.experiment, name),
            }
            for name, figure in row.figures.items()
        },
    }
