"""The few shapes that `labctl.picture.graph` draws with, and their colours in light and dark."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from xml.sax.saxutils import escape

_SANS = "system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif"
_MONO = "ui-monospace,'SF Mono',Menlo,Consolas,'DejaVu Sans Mono',monospace"
STYLE = f"""
text{{font-family:{_SANS};font-size:13px;fill:#1f2328}}
.name{{font-size:24px;font-weight:700}} .title{{font-size:15px;fill:#59636e}}
.head{{font-size:12px;fill:#59636e}} .box-name{{font-size:15px;font-weight:600}}
.small{{font-size:12px;fill:#59636e}} .mono{{font-family:{_MONO};font-size:12.5px}}
.dim{{fill:#59636e}} .end{{text-anchor:end}} .middle{{text-anchor:middle}}
.page{{fill:#ffffff}} rect{{stroke-width:1.5}}
.host{{fill:#f6f8fa;stroke:#818b98}} .front{{fill:#ddf4ff;stroke:#0969da}}
.port{{fill:#ffffff;stroke:#818b98}}
.site{{fill:#dafbe1;stroke:#1a7f37}} .site.self-signed{{fill:#fff8c5;stroke:#9a6700}}
.site.none{{fill:#f6f8fa;stroke:#818b98}} .machine{{fill:#fbefff;stroke:#8250df}}
.machine.own{{fill:#f6f8fa;stroke:#818b98}}
.line{{fill:none;stroke:#0969da;stroke-width:1.75;stroke-opacity:.65}}
.line.ca{{stroke:#1a7f37}} .line.self-signed{{stroke:#9a6700;stroke-dasharray:6 4}}
.line.none{{stroke:#818b98;stroke-dasharray:2 4}}
@media (prefers-color-scheme:dark){{
text{{fill:#f0f6fc}} .title,.head,.small,.dim{{fill:#9198a1}} .page{{fill:#0d1117}}
.host{{fill:#151b23;stroke:#656c76}} .front{{fill:#0c2d4d;stroke:#4493f8}}
.port{{fill:#0d1117;stroke:#656c76}}
.site{{fill:#12311e;stroke:#3fb950}} .site.self-signed{{fill:#32260a;stroke:#d29922}}
.site.none{{fill:#151b23;stroke:#656c76}} .machine{{fill:#271c45;stroke:#ab7df8}}
.machine.own{{fill:#151b23;stroke:#656c76}}
.line{{stroke:#4493f8}} .line.ca{{stroke:#3fb950}} .line.self-signed{{stroke:#d29922}}
.line.none{{stroke:#656c76}}
}}
"""
# what XML 1.0 (section 2.2) does not have
_NO_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """Its right edge."""
        return self.x + self.width

    @property
    def middle(self) -> int:
        """The height of its middle."""
        return self.y + self.height // 2

    def moved(self, down: int) -> Box:
        """The same, further down."""
        return replace(self, y=self.y + down)


def rounded(box: Box, kind: str) -> str:
    """A box with round corners; ``kind`` are its classes."""
    return (f'<rect class="{kind}" x="{box.x}" y="{box.y}" width="{box.width}" '
            f'height="{box.height}" rx="8"/>')  # fmt: skip


def label(x: float, y: float, text: str, kind: str, length: int = 60) -> str:
    """A line of text, cut where it has more than ``length`` characters."""
    text = valid(text)
    shown = text if len(text) <= length else text[: length - 1] + "…"
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(shown)}</text>'


def curve(start: tuple[int, int], end: tuple[int, int], kind: str) -> str:
    """A curve that leaves and arrives level."""
    middle = (start[0] + end[0]) // 2
    return (f'<path class="{kind}" d="M{start[0]} {start[1]} C{middle} {start[1]} '
            f'{middle} {end[1]} {end[0]} {end[1]}"/>')  # fmt: skip


def valid(text: str) -> str:
    """The text without characters that XML cannot hold."""
    return _NO_XML.sub("\N{REPLACEMENT CHARACTER}", text)
