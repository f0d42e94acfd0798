"""A lab's part of being behind the edge: its door, and that edge and bastion know it."""

from __future__ import annotations

from labctl import doors
from labctl.edge import is_edge
from labctl.engines.helper import Helper, tools
from labctl.errors import LabctlError
from labctl.work import edge_home, seats
from labctl.work.rendered import Rendered


def write(session: Rendered) -> None:
    """Before the lab's machines start: the door that they mount, the way in by SSH."""
    lab = session.lab
    if is_edge(lab.name):  # whose own door is made with its other directories
        return
    if not lab.door:
        leave(lab.name, purge=True)
        return
    doors.prepare(lab.name)
    if lab.seat is None:
        edge_home.register(lab)
    seats.admit(lab, session.kept)


def leave(lab: str, purge: bool) -> None:
    """What there was of it goes: the lab is down, or has its own ports again.

    A student keeps the right to log in, and their passwords, unless ``purge``.
    """
    if doors.of(lab).exists() or edge_home.home().is_dir():
        edge_home.forget(lab)
        seats.dismiss(lab, purge)
        _close(lab)


def _close(lab: str) -> None:
    """Remove a lab's door. What root made on a machine is not ours where we are not root."""
    if doors.remove(lab):
        return
    helper = Helper(tools(), ("DAC_OVERRIDE", "FOWNER"), volumes=(f"{doors.of(lab)}:/door",))
    helper.run("find /door -xdev -mindepth 1 -delete")
    if not doors.remove(lab):
        raise LabctlError(f"{doors.of(lab)} is left of the door of {lab}", "remove it as root")
