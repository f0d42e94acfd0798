"""A lab as its file says it, placed on a host of its own: for pictures, references and tests."""

from __future__ import annotations

from labctl.expand import expand
from labctl.model import Lab, Publishing
from labctl.platforms import vps
from labctl.spec.lab import load
from labctl.work.session import find_lab_file

SUBNET = "198.18.0.0/24"


def on_paper(target: str) -> Lab:
    """The lab that a word or a path means, whatever this host gave or gives it.

    Ports 80 and 443, the subnet of the lab file or else always the same. InvalidLab where the
    file has problems.
    """
    expanded = expand(*load(find_lab_file(target)))
    return vps.place(expanded, expanded.subnet or SUBNET, Publishing())
