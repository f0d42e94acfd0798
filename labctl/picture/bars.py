"""A bar chart as SVG: one figure, a bar for each platform. Pure; no script, nothing from elsewhere.

The same numbers stand in the page's table: the chart's ``desc`` repeats them for readers who
hear the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from labctl.picture.svg import label, valid

_WIDTH, _BAR, _GAP, _LEFT, _RIGHT = 340, 22, 8, 92, 92
STYLE = """
.bars{width:100%;max-width:340px;height:auto}
.bars text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;
fill:currentColor}
.bars .b-end{text-anchor:end} .bars .b-value{font-weight:600}
.bars .b-axis{stroke:currentColor;stroke-opacity:.4}
.bars .b-bare-metal{fill:#bf8700} .bars .b-vps{fill:#0969da} .bars .b-on-premise{fill:#1a7f37}
"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: whose it is, how long, and the value in words. None: nothing was measured."""

    name: str
    value: float | None
    text: str


def draw(title: str, bars: Sequence[Bar], name: str) -> str:
    """An ``svg`` element; ``name`` is unique on the page."""
    height = len(bars) * (_BAR + _GAP) + _GAP
    seen = f'role="img" aria-labelledby="{name}-title {name}-desc"'
    said = "; ".join(f"{bar.name}: {bar.text}" for bar in bars)
    return "\n".join(
        [
            f'<svg class="bars" viewBox="0 0 {_WIDTH} {height}" {seen}>',
            f'<title id="{name}-title">{escape(valid(title))}</title>',
            f'<desc id="{name}-desc">{escape(valid(said))}</desc>',
            *_rows(bars),
            f'<path class="b-axis" d="M{_LEFT} 0 V{height}"/>',
            "</svg>",
        ]
    )


def _rows(bars: Sequence[Bar]) -> Iterable[str]:
    largest = max((bar.value or 0.0 for bar in bars), default=0.0)
    for number, bar in enumerate(bars):
        y = _GAP + number * (_BAR + _GAP)
        long = length(bar.value, largest)
        yield label(_LEFT - 8, y + 16, bar.name, "b-end", 14)
        if bar.value is not None:
            yield (f'<rect class="b-{bar.name}" x="{_LEFT}" y="{y}" '
                   f'width="{long}" height="{_BAR}" rx="2"/>')  # fmt: skip
        yield label(_LEFT + long + 6, y + 16, bar.text, "b-value", 16)


def length(value: float | None, largest: float) -> float:
    """Pixels for a value; a value that is not zero can always be seen."""
    if not value or largest <= 0:
        return 0
    return round(max(2.0, (_WIDTH - _LEFT - _RIGHT) * value / largest), 1)
