"""A lab as a picture: SVG 1.1, from the model alone.

Pure and deterministic: the same lab gives the same bytes. It follows the reader's light or
dark mode, loads nothing from elsewhere, and its ``desc`` says the same in words.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from labctl.model import Lab, Machine, Port, Site
from labctl.picture.svg import STYLE, Box, curve, label, rounded, valid

_MARGIN = 32
_TOP = 104
_HOST, _FRONT, _SITES, _MACHINES = 32, 192, 404, 724
_HOST_WIDTH, _FRONT_WIDTH, _SITE_WIDTH, _MACHINE_WIDTH = 112, 160, 252, 264
_WIDTH = _MACHINES + _MACHINE_WIDTH + _MARGIN
_SITE_HEIGHT, _MACHINE_HEIGHT, _PORT_HEIGHT, _GAP = 46, 58, 32, 14
_BESIDE = 3


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is: boxes by the names of sites and machines, and the total height."""

    host: Box
    front: Box
    sites: dict[str, Box]
    machines: dict[str, Box]
    below: dict[str, Box]
    height: int


def draw(lab: Lab) -> str:
    """The picture of a lab as an SVG document."""
    layout = arrange(lab)
    title = valid(f"{lab.name}: {lab.title}" if lab.title else lab.name)
    size = f'width="{_WIDTH}" height="{layout.height}"'
    seen = f'viewBox="0 0 {_WIDTH} {layout.height}" role="img" aria-labelledby="title desc"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {seen}>',
        f'<title id="title">{escape(title)}</title>',
        f'<desc id="desc">{escape(valid(describe(lab)))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="page" {size} rx="12"/>',
        *_heading(lab, layout),
        *_lines(lab, layout),
        *_boxes(lab, layout),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def describe(lab: Lab) -> str:
    """The picture in words."""
    sites = [f"{site.host} is answered by {site.service} ({_badge(site)})" for site in lab.sites]
    machines = [
        f"{machine.name} at {machine.address} runs {', '.join(machine.services)}"
        for machine in lab.machines.values()
    ]
    ports = ", ".join(_port(port) for port in _published(lab))
    return f"The host's ports {ports} lead into the lab. {'. '.join([*sites, *machines])}."


def arrange(lab: Lab) -> Layout:
    """Places for all boxes: sites and machines in two columns, the lab's own machines below."""
    front = _front_machine(lab)
    answering = {lab.services[site.service].machine for site in lab.sites}
    others = [m for m in lab.machines.values() if m is not front]
    beside = [m.name for m in others if m.name in answering or not _own(m, lab)]
    below = [m.name for m in others if m.name not in beside]
    sites = _column([s.name for s in lab.sites], _SITES, _SITE_WIDTH, _SITE_HEIGHT)
    machines = _column(beside, _MACHINES, _MACHINE_WIDTH, _MACHINE_HEIGHT)
    end = max(_end(sites), _end(machines), _TOP + _PORT_HEIGHT * len(_published(lab)) + 56)
    sites, machines = _centred(sites, end), _centred(machines, end)
    row = _row(below, end + 56)
    height = (max(_end(row), end) if row else end) + _MARGIN
    return Layout(
        host=_around(_HOST, end, _HOST_WIDTH, _PORT_HEIGHT * len(_published(lab)) + 44),
        front=_around(_FRONT, end, _FRONT_WIDTH, 92),
        sites=sites,
        machines=machines,
        below=row,
        height=height,
    )


def _own(machine: Machine, lab: Lab) -> bool:
    """Whether a machine runs only what every lab has."""
    from labctl import kinds

    return all(lab.services[name].kind in kinds.implied() for name in machine.services)


def _column(names: Sequence[str], x: int, width: int, height: int) -> dict[str, Box]:
    return {name: Box(x, _TOP + number * (height + _GAP), width, height)
            for number, name in enumerate(names)}  # fmt: skip


def _around(x: int, end: int, width: int, height: int) -> Box:
    """A box in the middle between the top and ``end``."""
    return Box(x, (_TOP + end - height) // 2, width, height)


def _row(names: Sequence[str], y: int) -> dict[str, Box]:
    """Boxes beside each other over the whole width, a few in a row."""
    beside = max(1, min(_BESIDE, len(names)))
    width = (_WIDTH - 2 * _MARGIN - (beside - 1) * _GAP) // beside
    return {
        name: Box(
            _MARGIN + number % beside * (width + _GAP),
            y + number // beside * (_MACHINE_HEIGHT + _GAP),
            width,
            _MACHINE_HEIGHT,
        )
        for number, name in enumerate(names)
    }


def _end(boxes: dict[str, Box]) -> int:
    return max((box.y + box.height for box in boxes.values()), default=_TOP)


def _centred(boxes: dict[str, Box], end: int) -> dict[str, Box]:
    shift = (end - _end(boxes)) // 2
    return {name: box.moved(shift) for name, box in boxes.items()}


def _heading(lab: Lab, layout: Layout) -> Iterable[str]:
    yield label(_MARGIN, 44, lab.name, "name")
    yield label(_MARGIN, 68, lab.title or lab.domain, "title", 100)
    subnets = ", ".join(network.subnet for network in lab.networks)
    yield label(_WIDTH - _MARGIN, 44, lab.domain, "mono end", 40)
    yield label(_WIDTH - _MARGIN, 68, subnets, "mono end dim", 40)
    columns = {
        "host": [layout.host],
        "front": [layout.front],
        "sites": list(layout.sites.values()),
        "machines": list(layout.machines.values()),
    }
    for word, boxes in columns.items():
        if boxes:
            yield label(boxes[0].x, boxes[0].y - 10, word, "head")


def _lines(lab: Lab, layout: Layout) -> Iterable[str]:
    """From the host's ports through the front and the sites to the machines."""
    yield from _ports(lab, layout)
    for site in lab.sites:
        box = layout.sites[site.name]
        kind = f"line {site.tls}"
        front = lab.machine_of(site.front)
        if front is _front_machine(lab):
            yield curve((layout.front.right, layout.front.middle), (box.x, box.middle), kind)
        there = front.name if front.name in layout.machines else lab.services[site.service].machine
        machine = layout.machines.get(there)
        if machine:
            yield curve((box.right, box.middle), (machine.x, machine.middle), kind)


def _ports(lab: Lab, layout: Layout) -> Iterable[str]:
    """From each published port to its machine, where that has a line of sight: the front."""
    front = {port.host for port in _front_machine(lab).ports}
    for number, port in enumerate(_published(lab)):
        if port.host in front:
            height = layout.host.y + 10 + number * _PORT_HEIGHT + (_PORT_HEIGHT - 6) // 2
            yield curve(
                (layout.host.right - 12, height), (layout.front.x, layout.front.middle), "line"
            )


def _front_machine(lab: Lab) -> Machine:
    return lab.machine_of(lab.of_kind("front")[0].name)


def _boxes(lab: Lab, layout: Layout) -> Iterable[str]:
    yield from _host(lab, layout.host)
    yield from _front(lab, layout.front)
    for site in lab.sites:
        yield from _site(site, layout.sites[site.name])
    for name, box in layout.machines.items():
        yield from _machine(lab.machines[name], lab, box, "machine")
    if layout.below:
        first = next(iter(layout.below.values()))
        yield label(
            _MARGIN, first.y - 12, "in every lab: names, and clients to try things with", "head"
        )
    for name, box in layout.below.items():
        yield from _machine(lab.machines[name], lab, box, "machine own")


def _host(lab: Lab, box: Box) -> Iterable[str]:
    yield rounded(box, "host")
    x = box.x + box.width // 2
    for number, port in enumerate(_published(lab)):
        pill = Box(box.x + 12, box.y + 10 + number * _PORT_HEIGHT, box.width - 24, _PORT_HEIGHT - 6)
        yield rounded(pill, "port")
        yield label(x, pill.middle + 5, _port(port), "mono middle", 13)
    where = "all addresses" if lab.publishing.public else "loopback only"
    yield label(x, box.y + box.height - 14, where, "small middle")


def _published(lab: Lab) -> list[Port]:
    ports = (port for machine in lab.machines.values() for port in machine.ports)
    return sorted((port for port in ports if port.transport == "tcp"), key=lambda port: port.host)


def _port(port: Port) -> str:
    return str(port.host) if port.host == port.container else f"{port.host} → {port.container}"


def _front(lab: Lab, box: Box) -> Iterable[str]:
    machine = _front_machine(lab)
    yield rounded(box, "front")
    x = box.x + box.width // 2
    yield label(x, box.y + 28, machine.name, "box-name middle", 14)
    yield label(x, box.y + 48, _services(machine, lab), "small middle", 24)
    yield label(x, box.y + 70, machine.address, "mono middle", 18)


def _site(site: Site, box: Box) -> Iterable[str]:
    yield rounded(box, f"site {site.tls}")
    yield label(box.x + 14, box.y + 20, site.host, "mono", 30)
    own = [name for name in site.names[1:] if not name.endswith(".localhost")]
    others = f" · also {', '.join(own)}" if own else ""
    yield label(box.x + 14, box.y + 37, _badge(site) + others, "small", 38)


def _badge(site: Site) -> str:
    if site.alone:
        where = f"port {site.port}" if site.port else "an address of its own"
        return f"{'HTTPS' if site.secure else 'HTTP only'} · {where}"
    tls = {"ca": "HTTPS", "self-signed": "HTTPS, self-signed", "none": "HTTP only"}[site.tls]
    http = {"redirect": "HTTP redirects", "serve": "HTTP too", "refuse": "HTTP refused"}[site.http]
    return tls if site.tls == "none" else f"{tls} · {http}"


def _machine(machine: Machine, lab: Lab, box: Box, kind: str) -> Iterable[str]:
    yield rounded(box, kind)
    yield label(box.x + 14, box.y + 24, machine.name, "box-name", 18)
    yield label(box.right - 14, box.y + 24, machine.address, "mono end", 18)
    yield label(box.x + 14, box.y + 44, _services(machine, lab), "small", 44)


def _services(machine: Machine, lab: Lab) -> str:
    """Kinds of what runs there (with names where it is several), and its ports."""
    found = []
    for name in machine.services:
        service = lab.services[name]
        ports = " ".join(map(str, dict.fromkeys(service.expansion.ports.values())))
        named = service.kind if name == machine.name else f"{name}: {service.kind}"
        found.append(f"{named} {ports}".strip())
    return " · ".join(found)
