"""How an inspected site's requests travel through its front's machine. Pure.

A site that says ``inspect: true`` is answered as any other, but one step later: the front hands
its requests to the inspector at a port of loopback, and the inspector hands each of them back to
the same nginx, at another port of loopback, where the site's own locations are. So it works for
every kind of service, for replicas and for applications that sleep, and the inspector needs to
know nothing of them. Where it is away, the front takes the second step at once.
"""

from __future__ import annotations

from collections.abc import Iterable

from labctl.model import Lab, Site

KIND = "inspect"
HERE = "127.0.0.1"
RELAY = 82  # where the inspector takes requests
BEHIND = 81  # where the front takes them back
TAKES, HANDS_BACK = f"{HERE}:{RELAY}", f"{HERE}:{BEHIND}"


def inspected(sites: Iterable[Site]) -> tuple[Site, ...]:
    """The sites whose requests are recorded."""
    return tuple(site for site in sites if site.inspect)


def works(lab: Lab) -> bool:
    """Whether the lab has an inspector: a part of it, as a class's own lab is, may have none."""
    return bool(lab.of_kind(KIND))
