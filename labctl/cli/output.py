"""Printing: colours on terminals only, tables, JSON for scripts."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any, TextIO

from labctl.people import width

_CODES = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "bold": "1", "dim": "2"}


def coloured(stream: TextIO) -> bool:
    """Whether colours may go to a stream (a terminal, and no NO_COLOR: no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """The text in a colour, where the stream takes colours."""
    stream = stream or sys.stdout
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if coloured(stream) else text


def table(rows: Iterable[Sequence[str]], heads: Sequence[str] = ()) -> str:
    """Rows as aligned columns."""
    lines = [tuple(row) for row in rows]
    everything = [tuple(heads), *lines] if heads else lines
    if not everything:
        return ""
    widths = [max(width(row[n]) for row in everything) for n in range(len(everything[0]))]
    text = [
        "  ".join(
            cell + " " * (wide - width(cell)) for cell, wide in zip(row, widths, strict=True)
        ).rstrip()
        for row in everything
    ]
    if heads:
        text[0] = paint(text[0], "bold")
    return "\n".join(text)


def say_json(value: Any) -> None:
    """A value as JSON on standard output."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False, default=str)
    print()
