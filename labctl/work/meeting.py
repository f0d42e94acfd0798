"""Where a class's own lab and its sandboxes meet: directories with unix sockets, on the host."""

from __future__ import annotations

from labctl import doors
from labctl.work.rendered import Rendered


def write(session: Rendered) -> None:
    """Before the lab's machines start: the directories that they mount, whoever comes first."""
    lab = session.lab
    if lab.seat and lab.seat.hub:
        doors.prepare_hub(lab.seat.group, (lab.seat.id,))
    for keeper in lab.of_kind("doorkeeper"):
        doors.prepare_hub(lab.name, keeper.options.students)
