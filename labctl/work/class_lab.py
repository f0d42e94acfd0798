"""A class's own lab (``labctl.hub``), found by the name of its class."""

from __future__ import annotations

from dataclasses import dataclass

from labctl import hub, shared
from labctl.errors import LabctlError
from labctl.keep import data_home
from labctl.model import Group
from labctl.spec.specification import Spec


@dataclass(frozen=True, slots=True)
class Common:
    """What is a class's own: who belongs to it, and the lab file."""

    group: Group
    file: str


def find(lab: str) -> Common | None:
    """What a class called ``lab`` has for itself; None where there is no such class.

    One that `labctl sandbox up` made has the name of a lab, which is somebody's own.
    """
    if not (data_home() / "classes").is_dir():
        return None
    from labctl.classes import registry

    record = registry.find(lab)
    if record is None or record.implicit:
        return None
    students = {place.id: place.number for place in record.active}
    return Common(Group(record.name, record.domain, students, record.own), record.lab)


def own(spec: Spec, ours: Common) -> Spec:
    """The lab that a class has for itself; LabctlError where it has none."""
    name = ours.group.name
    if not shared.names(spec, ours.group.own):
        raise LabctlError(
            f"the class {name} has no lab of its own: its lab shares no service",
            f"`labctl class status {name}` shows its sandboxes",
            status=2,
        )
    return hub.hub(spec, ours.group)
