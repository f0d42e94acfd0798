"""How what was made or renewed is told: one line a reason, however many things."""

from __future__ import annotations

from collections.abc import Mapping

SHOWN = 3


def told(thing: str, reasons: Mapping[str, str]) -> list[str]:
    """One line for all names with the same reason, naming the first few of them."""
    groups: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        groups.setdefault(reason, []).append(name)
    return [_line(thing, reason, names) for reason, names in groups.items()]


def _line(thing: str, reason: str, names: list[str]) -> str:
    things = thing if len(names) == 1 else f"{thing}s"
    more = ", …" if len(names) > SHOWN else ""
    return f"{len(names)} {things} {reason}: {', '.join(names[:SHOWN])}{more}"
