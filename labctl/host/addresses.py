"""Subnets of labs: allocated once, recorded, checked against the host's routes."""

from __future__ import annotations

import fcntl
import ipaddress
import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from labctl.errors import LabctlError, Unsettled

POOL = ipaddress.IPv4Network("198.18.0.0/15")  # RFC 2544: laboratories, never on the Internet
PREFIX = 24


class SubnetTaken(Unsettled):
    """Somebody else took the lab's subnet between choosing and using it."""


def choose(taken: Iterable[ipaddress.IPv4Network]) -> str:
    """The first free subnet of the pool; LabctlError when all are taken."""
    used = tuple(taken)
    for subnet in POOL.subnets(new_prefix=PREFIX):
        if not any(subnet.overlaps(other) for other in used):
            return str(subnet)
    raise LabctlError(f"every /{PREFIX} of {POOL} is taken", "`labctl list` shows by whom")


def subnet_for(lab: str, wanted: str, data: Path, up: bool, write: bool = True) -> str:
    """The lab's subnet: what its file wants, what was recorded before, or a new one.

    Recorded in ``subnets.json`` below ``data``, so that it stays the same over ``down``;
    unless the lab is not ``up`` and somebody else has taken it since.
    """
    if not write:
        return wanted or _usable(lab, up, _recorded(data))
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(data / "subnets.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        recorded = _recorded(data)
        subnet = wanted or _usable(lab, up, recorded)
        if recorded.get(lab) != subnet:
            _record(data, {**recorded, lab: subnet})
    return subnet


def _usable(lab: str, up: bool, recorded: Mapping[str, str]) -> str:
    subnet = recorded.get(lab)
    if subnet and (up or not conflict(subnet)):
        return subnet
    return choose(_taken(recorded))


def forget(lab: str, data: Path) -> None:
    """Give a lab's subnet back."""
    if not data.exists():
        return
    with open(data / "subnets.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        recorded = _recorded(data)
        if recorded.pop(lab, None):
            _record(data, recorded)


def conflict(subnet: str, routes: str | None = None) -> str:
    """The route of the host that covers a part of ``subnet``, or ""."""
    mine = ipaddress.IPv4Network(subnet)
    for interface, route in host_routes(routes):
        if route.prefixlen and route.overlaps(mine):
            return f"{route} on {interface}"
    return ""


def host_routes(text: str | None = None) -> list[tuple[str, ipaddress.IPv4Network]]:
    """The host's IPv4 routes as (interface, network), from /proc/net/route."""
    if text is None:
        try:
            text = Path("/proc/net/route").read_text()
        except OSError:
            return []
    found = []
    for line in text.splitlines()[1:]:
        interface, destination, _, _, _, _, _, mask = line.split()[:8]
        address = ipaddress.IPv4Address(bytes.fromhex(destination)[::-1])
        length = int(mask, 16).bit_count()
        found.append((interface, ipaddress.IPv4Network(f"{address}/{length}", strict=False)))
    return found


def has_ipv6_loopback() -> bool:
    """Whether this host has ::1, so that a port can be published there."""
    try:
        addresses = Path("/proc/net/if_inet6").read_text().splitlines()
    except OSError:
        return False
    return any(line.startswith(f"{1:032x} ") for line in addresses)


def _taken(recorded: Mapping[str, str]) -> list[ipaddress.IPv4Network]:
    routes = [network for _, network in host_routes() if network.prefixlen]
    return routes + [ipaddress.IPv4Network(subnet) for subnet in recorded.values()]


def _recorded(data: Path) -> dict[str, str]:
    try:
        found = json.loads((data / "subnets.json").read_bytes())
    except FileNotFoundError:
        return {}
    except ValueError:
        raise LabctlError(
            f"{data / 'subnets.json'} is damaged", "remove it: running labs keep their subnets"
        ) from None
    return dict(found)


def _record(data: Path, recorded: Mapping[str, str]) -> None:
    temporary = data / "subnets.json.new"
    temporary.write_text(json.dumps(recorded, indent=1, sort_keys=True))
    temporary.replace(data / "subnets.json")
