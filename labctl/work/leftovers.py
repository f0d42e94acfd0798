"""What crashes leave behind, found by labels and by names of our own: listed, then removed.

A thing is a leftover where its lab is a sandbox's and no class knows that. Nothing of a neighbour
is touched: of somebody else who uses the same engine from another data directory.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from labctl import doors
from labctl.classes import registry
from labctl.engines import api, disks, helper
from labctl.engines.compose import Engine
from labctl.host import addresses
from labctl.keep import data_home, lab_home
from labctl.render.compose import LABEL
from labctl.work.session import state_directory
from labctl.work.takedown import take_down

SEAT = f"{LABEL}.class"  # the label of everything that belongs to a sandbox: its class
_HELPERS = "-"  # in place of a lab: of labctl's own short-lived containers


@dataclass(frozen=True, slots=True)
class Leftover:
    """A lab of which there is something left, by kind and number, and why nobody needs it."""

    lab: str
    things: Mapping[str, int]
    why: str


def of_lab(lab: str) -> dict[str, int]:
    """How many containers, networks and volumes the engine has of a lab, by kind."""
    label = [f"{LABEL}.lab={lab}"]
    found = {
        "containers": len(api.containers(label)),
        "networks": len(api.networks(label)),
        "volumes": len(_volumes(label)),
    }
    return {kind: number for kind, number in found.items() if number}


def _volumes(labels: Iterable[str]) -> list[dict[str, Any]]:
    query = urlencode({"filters": json.dumps({"label": list(labels)})})
    found = json.loads(api.call("GET", f"/volumes?{query}"))
    return list(found["Volumes"] or ())


def empty(lab: str) -> bool:
    """Whether there is neither a machine of a lab nor data; disks that wait for it apart."""
    label = [f"{LABEL}.lab={lab}"]
    data = {one["Name"] for one in _volumes(label)} - {disks.home(lab)}
    return not data and not api.containers(label)


def known_to_engine() -> frozenset[str]:
    """The labs of which the engine has anything, by one look at each kind."""
    label = f"{LABEL}.lab"
    things = (*api.containers([label]), *api.networks([label]), *_volumes([label]))
    return frozenset(one["Labels"][label] for one in things)


def anything_of(lab: str, known: Container[str]) -> bool:
    """Whether there is anything of a lab on this host; ``known`` are those that the engine has."""
    return lab in known or bool(_files(lab))


def leftovers() -> tuple[Leftover, ...]:
    """Everything of ours that no class knows any more."""
    found = []
    for lab in sorted(_candidates()):
        if registry.seat_of(lab) or _neighbours(lab):
            continue
        things = of_lab(lab) | _files(lab)
        if things:
            found.append(Leftover(lab, things, "no class has this sandbox"))
    if helpers := helper.left():
        found.append(Leftover(_HELPERS, {"helpers": len(helpers)}, "what they did is long over"))
    return tuple(found)


def _candidates() -> set[str]:
    """Labs that are, or were, sandboxes of a class of ours: so marked, or so labelled."""
    labelled = {
        one["Labels"].get(f"{LABEL}.lab", "")
        for one in (*api.containers([SEAT]), *api.networks([SEAT]), *_volumes([SEAT]))
    }
    return {lab for lab in labelled if lab and _ours(lab)} | set(registry.marked())


def _ours(lab: str) -> bool:
    """Whether there is anything of a lab in our own directories."""
    return any(path.exists() for path in (lab_home(lab), state_directory(lab), doors.of(lab)))


def _neighbours(lab: str) -> bool:
    """Whether a container of the lab names another state directory than ours."""
    mine = state_directory(lab)
    return any(
        Path(one["Labels"].get(f"{LABEL}.state", "") or mine) != mine
        for one in Engine().containers(lab)
    )


def _files(lab: str) -> dict[str, int]:
    places = {
        "state": state_directory(lab), "kept things": lab_home(lab), "doors": doors.of(lab)
    }  # fmt: skip
    found = {kind: 1 for kind, path in places.items() if path.exists()}
    devices = len(disks.names(lab))
    return found | ({"loop devices": devices} if devices else {})


def remove(leftover: Leftover) -> None:
    """Remove what is left of a lab. LabctlError where something stays."""
    if leftover.lab == _HELPERS:
        helper.remove(helper.left())
        return
    take_down(leftover.lab, keep_data=False, purge=True)
    disks.release(leftover.lab)
    addresses.forget(leftover.lab, data_home())
    doors.remove(leftover.lab)
    registry.unmark(leftover.lab)
