"""A lab's networks as a picture: segments as boxes with machines in them, the gateway between.

SVG 1.1, pure and deterministic, from the model alone: the same lab gives the same bytes. Every
rule of its style is for this class of pictures only, and its ids begin with the platform's name,
so that several can stand in one page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from labctl import kinds
from labctl.model import Lab, Machine, Network
from labctl.picture.svg import Box, curve, label, rounded, valid

_COLUMNS = 3
_MACHINE_WIDTH, _GAP, _PAD, _MARGIN = 232, 12, 16, 20
_TOP, _HEAD, _LINE, _BETWEEN = 64, 34, 17, 44
# two segments beside each other, with a column and with two
_WIDTH = 2 * _MARGIN + 4 * _PAD + _COLUMNS * _MACHINE_WIDTH + (_COLUMNS - 1) * _GAP
STYLE = """
.topology{max-width:100%;height:auto}
.topology text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;
fill:#1f2328}
.topology .t-name{font-size:20px;font-weight:700} .topology .t-box{font-size:14px;font-weight:600}
.topology .t-dim{fill:#59636e;font-size:12.5px} .topology .t-end{text-anchor:end}
.topology .t-mono{font-family:ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;
font-size:12px}
.topology rect{stroke-width:1.5} .topology .t-page{fill:#fff;stroke:none}
.topology .t-public{fill:#f1f8ff;stroke:#0969da} .topology .t-private{fill:#f0fbf3;stroke:#1a7f37}
.topology .t-machine{fill:#fff;stroke:#8250df} .topology .t-visitor{fill:#fff;stroke:#818b98}
.topology .t-gateway{fill:#fff8c5;stroke:#9a6700}
.topology .t-line{fill:none;stroke:#9a6700;stroke-width:2.5}
@media screen and (prefers-color-scheme:dark){
.topology text{fill:#f0f6fc} .topology .t-dim{fill:#9198a1} .topology .t-page{fill:#0d1117}
.topology .t-public{fill:#0c2033;stroke:#4493f8} .topology .t-private{fill:#0f2417;stroke:#3fb950}
.topology .t-machine{fill:#0d1117;stroke:#ab7df8} .topology .t-visitor{fill:#0d1117;stroke:#656c76}
.topology .t-gateway{fill:#32260a;stroke:#d29922} .topology .t-line{stroke:#d29922}
}
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is: boxes by the names of segments and machines, and the whole height."""

    segments: dict[str, Box] = field(default_factory=dict)
    machines: dict[str, Box] = field(default_factory=dict)
    height: int = 0


def draw(lab: Lab) -> str:
    """The picture as an SVG document of its own, with its style."""
    return picture(lab, f"<style>{STYLE}</style>")


def picture(lab: Lab, style: str = "") -> str:
    """The picture as an ``svg`` element; a page has `STYLE` once."""
    layout = arrange(lab)
    name = lab.platform
    size = f'width="{_WIDTH}" height="{layout.height}"'
    seen = f'viewBox="0 0 {_WIDTH} {layout.height}" role="img"'
    named = f'aria-labelledby="{name}-title {name}-desc"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="topology" {size} {seen} {named}>',
        f'<title id="{name}-title">{escape(valid(f"{lab.name} on {name}"))}</title>',
        f'<desc id="{name}-desc">{escape(valid(describe(lab)))}</desc>',
        *([style] if style else []),
        f'<rect class="t-page" {size} rx="12"/>',
        label(_MARGIN, 38, f"{lab.name} on {name}", "t-name"),
        label(_WIDTH - _MARGIN, 38, _counted(lab), "t-dim t-end"),
        *_segments(lab, layout),
        *_lines(lab, layout),
        *_machines(lab, layout),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def describe(lab: Lab) -> str:
    """The picture in words."""
    said = []
    for network in lab.networks:
        there = [m for m in lab.machines.values() if network.name in m.addresses]
        each = (f"{m.name} at {m.addresses[network.name]} with {', '.join(m.services)}"
                for m in there)  # fmt: skip
        said.append(f"On {_segment_name(network)}: {'; '.join(each)}.")
    between = [f"{m.name} stands between {', '.join(m.addresses)}." for m in gateways(lab)]
    return " ".join([*said, *between])


def gateways(lab: Lab) -> tuple[Machine, ...]:
    """The machines that stand on several segments."""
    return tuple(m for m in lab.machines.values() if len(m.addresses) > 1)


def arrange(lab: Lab) -> Layout:
    """Places for all: what is public above, gateways in the middle, private segments below."""
    layout = Layout()
    y = _TOP
    public = [network for network in lab.networks if not network.private]
    for network in public:
        y = _segment(lab, network, layout, _MARGIN, y, _COLUMNS) + _BETWEEN
    for machine in gateways(lab):
        height = _machine_height(machine)
        x = (_WIDTH - _MACHINE_WIDTH) // 2
        layout.machines[machine.name] = Box(x, y, _MACHINE_WIDTH, height)
        y += height + _BETWEEN
    ends = [y]
    x = _MARGIN
    for network, columns in _shares(lab):
        ends.append(_segment(lab, network, layout, x, y, columns) + _BETWEEN)
        x = layout.segments[network.name].right + _GAP
    return Layout(layout.segments, layout.machines, max(ends) - _BETWEEN + _MARGIN)


def _shares(lab: Lab) -> Iterable[tuple[Network, int]]:
    """The private segments and how many columns each gets: those with more machines more."""
    inside = lab.inside
    if len(inside) == 1:
        yield inside[0], _COLUMNS
        return
    fullest = max(inside, key=lambda network: len(_alone_on(lab, network)), default=None)
    for network in inside:
        yield network, _COLUMNS - len(inside) + 1 if network is fullest else 1


def _alone_on(lab: Lab, network: Network) -> list[Machine]:
    return [m for m in lab.machines.values() if set(m.addresses) == {network.name}]


def _segment(lab: Lab, network: Network, layout: Layout, x: int, y: int, columns: int) -> int:
    """Place a segment and its machines; the height where it ends."""
    width = columns * _MACHINE_WIDTH + (columns - 1) * _GAP + 2 * _PAD
    if columns == _COLUMNS:
        width = _WIDTH - 2 * _MARGIN
    wide = (width - 2 * _PAD - (columns - 1) * _GAP) // columns
    machines = _alone_on(lab, network)
    bottom = y + _HEAD
    for start in range(0, len(machines), columns):
        row = machines[start : start + columns]
        height = max(map(_machine_height, row))
        for number, machine in enumerate(row):
            left = x + _PAD + number * (wide + _GAP)
            layout.machines[machine.name] = Box(left, bottom, wide, height)
        bottom += height + _GAP
    bottom += _PAD - _GAP
    layout.segments[network.name] = Box(x, y, width, bottom - y)
    return bottom


def _machine_height(machine: Machine) -> int:
    return 34 + _LINE * (len(machine.services) + len(machine.addresses) - 1)


def _segments(lab: Lab, layout: Layout) -> Iterable[str]:
    for network in lab.networks:
        box = layout.segments[network.name]
        yield rounded(box, "t-private" if network.private else "t-public")
        yield label(box.x + _PAD, box.y + 23, _segment_name(network), "t-box")
        yield label(box.right - _PAD, box.y + 23, network.subnet, "t-mono t-end")


def _segment_name(network: Network) -> str:
    names = {"internet": "the Internet", "dmz": "the DMZ", "lan": "the LAN"}
    return names.get(network.name, network.name)


def _lines(lab: Lab, layout: Layout) -> Iterable[str]:
    """From each gateway to the segments that it stands on."""
    for machine in gateways(lab):
        box = layout.machines[machine.name]
        for name in machine.addresses:
            segment = layout.segments[name]
            above = segment.y < box.y
            at = segment.x + segment.width // 2
            ours = (box.x + box.width // 2, box.y if above else box.y + box.height)
            theirs = (at, segment.y + segment.height if above else segment.y)
            yield _upright(ours, theirs) if ours[0] != at else curve(ours, theirs, "t-line")


def _upright(start: tuple[int, int], end: tuple[int, int]) -> str:
    """A curve that leaves and arrives upright."""
    middle = (start[1] + end[1]) // 2
    return (f'<path class="t-line" d="M{start[0]} {start[1]} C{start[0]} {middle} '
            f'{end[0]} {middle} {end[0]} {end[1]}"/>')  # fmt: skip


def _machines(lab: Lab, layout: Layout) -> Iterable[str]:
    for name, box in layout.machines.items():
        machine = lab.machines[name]
        yield rounded(box, _class(machine, lab))
        yield label(box.x + 12, box.y + 20, name, "t-box", 20)
        addresses = machine.addresses.values()
        for number, address in enumerate(addresses):
            yield label(box.right - 12, box.y + 20 + number * _LINE, address, "t-mono t-end")
        first = box.y + 20 + _LINE * len(addresses)
        for number, line in enumerate(_services(machine, lab)):
            yield label(box.x + 12, first + number * _LINE, line, "t-dim", 34)


def _class(machine: Machine, lab: Lab) -> str:
    if len(machine.addresses) > 1:
        return "t-gateway"
    return "t-visitor" if kinds.visiting(machine, lab) else "t-machine"


def _services(machine: Machine, lab: Lab) -> Sequence[str]:
    """What runs there, with its ports."""
    found = []
    for name in machine.services:
        service = lab.services[name]
        ports = " ".join(map(str, dict.fromkeys(service.expansion.ports.values())))
        named = service.kind if name in (machine.name, service.kind) else f"{name}: {service.kind}"
        found.append(f"{named} {ports}".strip())
    return found


def _counted(lab: Lab) -> str:
    count = len(lab.machines)
    return f"{count} machine{'s' if count != 1 else ''}, {len(lab.networks)} network" + (
        "s" if len(lab.networks) != 1 else ""
    )
