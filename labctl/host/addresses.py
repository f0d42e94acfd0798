"""Subnets of labs: allocated once, recorded, checked against the host's routes."""

from __future__ import annotations

import fcntl
import ipaddress
import json
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from pathlib import Path

from labctl.errors import LabctlError, Unsettled

POOLS = {
    "public": ipaddress.IPv4Network("198.18.0.0/15"),  # RFC 2544: never on the Internet
    "private": ipaddress.IPv4Network("10.128.0.0/9"),  # RFC 1918: the half that fewer use
}
PREFIX = 24
# a sandbox's segments: room for 1,024 of them, from the half that labs come to last
SMALL_POOLS = {
    "public": ipaddress.IPv4Network("198.19.0.0/16"),
    "private": ipaddress.IPv4Network("10.224.0.0/11"),
}
SMALL_PREFIX = 26


class SubnetTaken(Unsettled):
    """Somebody else took the lab's subnet between choosing and using it."""


def choose(
    taken: Iterable[ipaddress.IPv4Network], pool: str = "public", small: bool = False
) -> str:
    """The first free subnet of a pool; LabctlError when all are taken."""
    whole, prefix = (SMALL_POOLS, SMALL_PREFIX) if small else (POOLS, PREFIX)
    bits = 32 - prefix
    first, last = _numbers(whole[pool], bits)
    used = set[int]()
    for other in taken:
        begin, end = _numbers(other, bits)
        used.update(range(max(begin, first), min(end, last) + 1))
    for number in range(first, last + 1):
        if number not in used:
            return f"{ipaddress.IPv4Address(number << bits)}/{prefix}"
    raise LabctlError(f"every /{prefix} of {whole[pool]} is taken", "`labctl list` shows by whom")


@lru_cache(maxsize=8192)
def _numbers(network: ipaddress.IPv4Network, bits: int) -> tuple[int, int]:
    """The first and the last block of 2^bits addresses that a network has a part of."""
    return int(network.network_address) >> bits, int(network.broadcast_address) >> bits


def subnets_for(
    lab: str,
    segments: Mapping[str, str],
    wanted: Mapping[str, str],
    data: Path,
    up: bool,
    write: bool = True,
    others: Callable[[], Iterable[str]] = tuple,
    small: bool = False,
) -> dict[str, str]:
    """The subnet of each of a lab's segments: what its file wants, the recorded one, or a new one.

    ``segments`` says of each from which pool. Recorded in ``subnets.json`` below ``data``, so
    that they stay the same over ``down``; unless the lab is not ``up`` and somebody else has
    taken one since. ``others`` are subnets that are taken without a route of the host saying so;
    it is asked only where one has to be judged or chosen. A ``small`` one is for a sandbox.
    """

    @cache
    def elsewhere() -> tuple[ipaddress.IPv4Network, ...]:
        return tuple(map(ipaddress.IPv4Network, others()))

    if not write:
        return _subnets(lab, segments, wanted, up, _recorded(data), elsewhere, small)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(data / "subnets.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        recorded = _recorded(data)
        found = _subnets(lab, segments, wanted, up, recorded, elsewhere, small)
        now = recorded | {_key(lab, segment): subnet for segment, subnet in found.items()}
        if now != recorded:
            _record(data, now)
    return found


def _subnets(
    lab: str,
    segments: Mapping[str, str],
    wanted: Mapping[str, str],
    up: bool,
    recorded: Mapping[str, str],
    elsewhere: Callable[[], tuple[ipaddress.IPv4Network, ...]],
    small: bool,
) -> dict[str, str]:
    known = dict(recorded)
    found = {}
    for segment, pool in segments.items():
        key = _key(lab, segment)
        subnet = wanted.get(segment) or known.get(key, "")
        if not subnet or not (segment in wanted or up or _free(subnet, elsewhere())):
            subnet = choose([*_taken(known), *elsewhere()], pool, small)
        found[segment] = known[key] = subnet
    return found


def _free(subnet: str, elsewhere: Iterable[ipaddress.IPv4Network]) -> bool:
    mine = ipaddress.IPv4Network(subnet)
    return not conflict(subnet) and not any(mine.overlaps(other) for other in elsewhere)


def _key(lab: str, segment: str) -> str:
    return lab if segment == "internet" else f"{lab}/{segment}"


def forget(lab: str, data: Path) -> None:
    """Give a lab's subnets back."""
    if not data.exists():
        return
    with open(data / "subnets.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        recorded = _recorded(data)
        left = {key: value for key, value in recorded.items() if key.partition("/")[0] != lab}
        if left != recorded:
            _record(data, left)


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


_network = lru_cache(maxsize=8192)(ipaddress.IPv4Network)


def _taken(recorded: Mapping[str, str]) -> list[ipaddress.IPv4Network]:
    routes = [network for _, network in host_routes() if network.prefixlen]
    return routes + [_network(subnet) for subnet in recorded.values()]


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
