"""Line charts as one SVG document: panels beside each other, one legend. Pure; no script.

Every line has a colour and a pattern of its own, and the ``desc`` has the numbers in words.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from labctl.picture.svg import label, valid

_COLUMNS = 2
_WIDTH, _HEIGHT = 420, 250  # of one panel, with its labels
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 34, 44
_HEAD, _MARGIN, _KEY, _KEYS = 52, 16, 24, 4  # above the panels, around all, the legend's rows
_COLOURS = (
    ("#0969da", "#4493f8"), ("#bf3989", "#e275ad"), ("#1a7f37", "#3fb950"),
    ("#bc4c00", "#f0883e"), ("#8250df", "#ab7df8"), ("#1f2328", "#f0f6fc"),
    ("#0a7b83", "#39c5cf"), ("#9a6700", "#d29922"),
)  # fmt: skip
_DASHES = ("", "7 3", "2 3", "10 3 2 3", "5 2", "1 2", "12 4", "4 4 1 4")
STYLE = """
.lines text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;
fill:#1f2328}
.lines .l-name{font-size:19px;font-weight:700} .lines .l-title{font-size:13.5px;font-weight:600}
.lines .l-dim{fill:#59636e} .lines .l-end{text-anchor:end} .lines .l-middle{text-anchor:middle}
.lines .l-page{fill:#fff} .lines .l-grid{stroke:#818b98;stroke-opacity:.3}
.lines path{fill:none;stroke-width:2;stroke-linejoin:round}
@media screen and (prefers-color-scheme:dark){
.lines text{fill:#f0f6fc} .lines .l-dim{fill:#9198a1} .lines .l-page{fill:#0d1117}
}
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, and values at some of the chart's places."""

    name: str
    values: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart; ``log`` where each step upwards is ten times the last."""

    title: str
    lines: Sequence[Line]
    log: bool = False


def draw(title: str, across: str, places: Sequence[int], panels: Sequence[Panel]) -> str:
    """All panels; ``places`` stand at equal distances on the axis called ``across``."""
    names = tuple(dict.fromkeys(line.name for panel in panels for line in panel.lines))
    rows = math.ceil(len(panels) / _COLUMNS)
    width = _COLUMNS * _WIDTH + 2 * _MARGIN
    keys = math.ceil(len(names) / _KEYS)
    height = _HEAD + rows * _HEIGHT + keys * _KEY + _MARGIN
    size = f'width="{width}" height="{height}"'
    seen = f'viewBox="0 0 {width} {height}" role="img" aria-labelledby="lines-title lines-desc"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="lines" {size} {seen}>',
        f'<title id="lines-title">{escape(valid(title))}</title>',
        f'<desc id="lines-desc">{escape(valid(describe(panels)))}</desc>',
        f"<style>{STYLE}{_colours(len(names))}</style>",
        f'<rect class="l-page" {size} rx="12"/>',
        label(_MARGIN, 34, title, "l-name"),
    ]
    for number, panel in enumerate(panels):
        x = _MARGIN + number % _COLUMNS * _WIDTH
        y = _HEAD + number // _COLUMNS * _HEIGHT
        parts.append(f'<g transform="translate({x} {y})">')
        parts += _panel(panel, across, places, names)
        parts.append("</g>")
    parts += _legend(names, _HEAD + rows * _HEIGHT)
    return "\n".join([*parts, "</svg>"]) + "\n"


def describe(panels: Iterable[Panel]) -> str:
    """The numbers in words."""
    said = []
    for panel in panels:
        each = (f"{line.name}: {', '.join(f'{v:.4g} at {n}' for n, v in line.values.items())}"
                for line in panel.lines)  # fmt: skip
        said.append(f"{panel.title}. {'; '.join(each)}.")
    return " ".join(said)


def _colours(count: int) -> str:
    """A colour and a pattern for each line, in light and in dark."""
    light, dark = [], []
    for number in range(count):
        one, other = _COLOURS[number % len(_COLOURS)]
        dashes = _DASHES[number % len(_DASHES)]
        pattern = f";stroke-dasharray:{dashes}" if dashes else ""
        light.append(f".lines .l-{number}{{stroke:{one}{pattern}}}")
        dark.append(f".lines .l-{number}{{stroke:{other}}}")
    return "\n".join(
        [*light, "@media screen and (prefers-color-scheme:dark){", *dark, "}", ""]
    )  # fmt: skip


def _panel(panel: Panel, across: str, places: Sequence[int], names: Sequence[str]) -> Iterable[str]:
    values = [value for line in panel.lines for value in line.values.values()]
    marks = decades(values) if panel.log else steps(values)
    yield label(_LEFT, 20, panel.title, "l-title")
    for mark in marks:
        y = _height(mark, marks, panel.log)
        yield f'<path class="l-grid" d="M{_LEFT} {y} H{_WIDTH - _RIGHT}"/>'
        yield label(_LEFT - 6, y + 4, f"{mark:,g}", "l-dim l-end")
    for place in places:
        yield label(_across(place, places), _HEIGHT - 26, str(place), "l-dim l-middle")
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield label(middle, _HEIGHT - 8, across, "l-dim l-middle")
    for line in panel.lines:
        path = _path(line, places, marks, panel.log)
        if path:
            yield f'<path class="l-{names.index(line.name)}" d="{path}"/>'


def _path(line: Line, places: Sequence[int], marks: Sequence[float], log: bool) -> str:
    """A line through its values; where one is missing it begins anew."""
    words, pen = [], "M"
    for place in places:
        if place not in line.values:
            pen = "M"
            continue
        y = _height(line.values[place], marks, log)
        words.append(f"{pen}{_across(place, places)} {y}")
        pen = "L"
    return " ".join(words)


def _across(place: int, places: Sequence[int]) -> float:
    share = places.index(place) / max(1, len(places) - 1)
    return round(_LEFT + share * (_WIDTH - _LEFT - _RIGHT), 1)


def _height(value: float, marks: Sequence[float], log: bool) -> float:
    low, high, at = marks[0], marks[-1], value
    if log:
        low, high, at = (math.log10(one) for one in (low, high, max(value, low)))
    share = (at - low) / (high - low)
    return round(_HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM), 1)


def steps(values: Sequence[float]) -> tuple[float, ...]:
    """Round marks from nothing to above the largest value, five or so."""
    largest = max(values, default=0.0) or 1.0
    rough = largest / 5
    power = 10 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in (1, 2, 5, 10) if nice * power >= rough)
    return tuple(step * n for n in range(math.ceil(largest / step) + 1))


def decades(values: Sequence[float]) -> tuple[float, ...]:
    """Powers of ten from below the smallest value to above the largest."""
    positive = [value for value in values if value > 0] or [1.0]
    low = math.floor(math.log10(min(positive)))
    high = max(low + 1, math.ceil(math.log10(max(positive))))
    return tuple(10.0**n for n in range(low, high + 1))


def _legend(names: Sequence[str], top: int) -> Iterable[str]:
    wide = (_COLUMNS * _WIDTH) // _KEYS
    for number, name in enumerate(names):
        x = _MARGIN + number % _KEYS * wide
        y = top + number // _KEYS * _KEY + 14
        yield f'<path class="l-{number}" d="M{x + 6} {y - 4} H{x + 40}"/>'
        yield label(x + 48, y, name, "l-key", 24)
