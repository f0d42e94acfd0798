"""A lab as its file says it, placed on a host of its own: for pictures, references and tests."""

from __future__ import annotations

from labctl import platforms
from labctl.expand import expand
from labctl.expanded import Expanded
from labctl.model import Lab, PlatformName, Publishing
from labctl.spec.lab import load
from labctl.work.session import find_lab_file

SUBNETS = {"internet": "198.18.0.0/24", "dmz": "10.128.0.0/24", "lan": "10.128.1.0/24"}


def on_paper(target: str, platform: PlatformName | None = None) -> Lab:
    """The lab that a word or a path means, whatever this host gave or gives it.

    Ports 80 and 443, the subnet of the lab file or else always the same. InvalidLab where the
    file has problems.
    """
    return placed(expand(*load(find_lab_file(target)), platform))


def placed(expanded: Expanded) -> Lab:
    """An expanded lab on the platform that it was expanded for, in fixed subnets."""
    return platforms.placed(expanded, {**SUBNETS, **expanded.subnets}, Publishing())
