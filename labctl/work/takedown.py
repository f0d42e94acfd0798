"""Taking a lab down: everything that carries its label goes, and that is verified."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labctl import doors, keep
from labctl.engines import compose, disks
from labctl.engines.compose import Engine
from labctl.engines.state import State
from labctl.errors import LabctlError
from labctl.grades import store
from labctl.host import addresses
from labctl.keep import data_home, lab_home
from labctl.render.compose import LABEL, project
from labctl.work import at_door, begun, provider_snapshots
from labctl.work.session import Session, state_directory

_STUCK = (
    "{count} empty networks, of which the engine has lost count: nothing removes them before it is"
    " restarted, and then `labctl down` does; they are in nobody's way"
)


@dataclass(frozen=True, slots=True)
class Done:
    """What was removed, counted by what it was, and what was kept on purpose."""

    lab: str
    removed: dict[str, int]
    kept: list[str]


def take_down(target: str, keep_data: bool, purge: bool, detach: bool = True) -> Done:
    """Remove a lab's containers, networks, volumes and files; verify that they are gone.

    The lab's CA and keys stay unless ``purge``, its volumes stay with ``keep_data``. Another
    lab's or another program's things are never touched: only what has both this lab's label
    and its Compose project is. Who takes many down detaches their disks at once, not here.
    LabctlError when something is left.
    """
    engine = Engine()
    lab = _name(target, engine)
    state = _state(lab, engine)
    with state.locked():
        before, stuck = _count(lab, engine), 0
        if any(before.values()):
            if detach:
                disks.detach(lab)
            with contextlib.suppress(compose.Occupied):  # told apart below
                compose.down(lab, volumes=not keep_data)
            stuck = _remove_strays(lab, engine, keep_data)
        at_door.leave(lab, purge)
        if not keep_data:
            begun.note(lab, ())
        state.remove()
    kept = _keep(lab, purge)
    left = _count(lab, engine)
    if keep_data and left["volumes"]:
        kept.append(f"data in {left['volumes']} volumes; the next `labctl up {lab}` finds it")
        left["volumes"] = 0
    if stuck:
        kept.append(_STUCK.format(count=stuck))
        left["networks"] = max(left["networks"] - stuck, 0)
    if any(left.values()) or state.directory.exists():
        names = ", ".join(f"{n} {what}" for what, n in left.items() if n) or str(state.directory)
        raise LabctlError(f"{lab} is not gone: {names} left", f"`labctl down {lab}` tries again")
    after = {what: before[what] - _count(lab, engine)[what] for what in before}
    return Done(lab, after, kept)


def _name(target: str, engine: Engine) -> str:
    known = (state_directory(target), lab_home(target))
    if "/" not in target and (
        any(place.exists() for place in known) or any(_count(target, engine).values())
    ):
        return target
    return Session(target, dry=True).name


def _state(lab: str, engine: Engine) -> State:
    """The state directory: where the containers say, else where it would be."""
    for container in engine.containers(lab):
        directory = Path(container["Labels"].get(f"{LABEL}.state", ""))
        if directory.name == lab and directory.is_absolute():
            return State(directory)
    return State(state_directory(lab))


def _ours(lab: str) -> dict[str, Any]:
    return {"label": [f"{LABEL}.lab={lab}", f"{compose.PROJECT}={project(lab)}"]}


def _count(lab: str, engine: Engine) -> dict[str, int]:
    api = engine.client.api
    return {
        "containers": len(api.containers(all=True, filters=_ours(lab))),
        "networks": len(api.networks(filters=_ours(lab))),
        "volumes": len(api.volumes(filters=_ours(lab))["Volumes"] or []),
    }


def _remove_strays(lab: str, engine: Engine, keep_data: bool) -> int:
    """What Compose did not know of any more: a volume or a network of a former lab file.

    How many empty networks the engine keeps, for it has lost count of what was on them.
    """
    from docker.errors import APIError

    stuck = 0
    api = engine.client.api
    for container in api.containers(all=True, filters=_ours(lab)):
        api.remove_container(container["Id"], force=True)
    for network in api.networks(filters=_ours(lab)):
        try:
            api.remove_network(network["Id"])
        except APIError as error:
            refuse_occupied(network["Name"], api.inspect_network(network["Id"]), str(error))
            stuck += 1
    for volume in [] if keep_data else api.volumes(filters=_ours(lab))["Volumes"] or []:
        api.remove_volume(volume["Name"])
    return stuck


def refuse_occupied(name: str, seen: Mapping[str, Any], reason: str) -> None:
    """LabctlError unless a network that cannot be removed is empty and the engine miscounts."""
    others = sorted(one["Name"] for one in seen["Containers"].values())
    if others:
        raise LabctlError(
            f"the network {name} has containers of somebody else: {', '.join(others)}",
            f"docker network disconnect {name} {others[0]}",
        )
    if compose.OCCUPIED not in reason:
        raise LabctlError(f"the network {name} stays: {reason}")


def _keep(lab: str, everything: bool) -> list[str]:
    home = lab_home(lab)
    provider_snapshots.leave(lab)
    if everything:
        doors.remove_hub(lab)
        provider_snapshots.forget(lab)
        store.forget(home)
        keep.purge(home)
        addresses.forget(lab, data_home())
        return []
    if not home.exists():
        return []
    kept = [f"the lab's CA and keys in {home} (`labctl down {lab} --purge` forgets them)"]
    if count := provider_snapshots.count(lab):
        kept.append(f"snapshots of its servers: {count} (--purge forgets them too)")
    return kept
