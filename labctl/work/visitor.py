"""Machines that are there only while somebody asks something: a class's visitors of its sandboxes.

They are made as Compose would make them, by the engine itself (in a third of the time), and
removed by whoever leaves last. What a killed labctl has left is replaced by the next one, and
goes with `labctl down`.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from labctl.engines import api, definition
from labctl.engines.api import ApiError
from labctl.engines.compose import Engine
from labctl.errors import LabctlError
from labctl.model import Machine
from labctl.parallel import each
from labctl.render.compose import container
from labctl.work.execute import READY_SECONDS, running
from labctl.work.session import Session

_LOCK = "visitors.lock"


@contextmanager
def visiting(session: Session) -> Iterator[Mapping[str, str]]:
    """The containers of a lab's visiting machines, by machine, which are there meanwhile.

    Nothing where the lab has none. LabctlError where one cannot be started, or does not answer.
    """
    machines = [one for one in session.lab.machines.values() if one.visiting]
    if not machines:
        yield {}
        return
    with _shared(session.state.directory / _LOCK) as stay:
        try:
            with stay.alone() as first:
                there = {} if first else running(Engine(), session.name)
                mine = {one.name: there.get(one.name, "") for one in machines}
                if not all(mine.values()):
                    mine = _start(session, machines)
            yield mine
        finally:
            with stay.alone() as last:
                if last:
                    for one in machines:  # in turn, as in compose.stop
                        _remove(session.name, one.name)


def _start(session: Session, machines: list[Machine]) -> dict[str, str]:
    """Make and start machines, and wait until they answer; containers by machine."""
    document = _compose_file(session)
    found = each(lambda one: (one.name, _started(session, one, document)), machines)
    for name, made in found:
        heard = Engine().hear_ready(made, READY_SECONDS)
        if heard.status != 0:
            raise LabctlError(f"{name} of {session.name} does not answer: {heard.output.strip()}")
    return dict(found)


def _started(session: Session, machine: Machine, document: Mapping[str, Any]) -> str:
    """The container of a machine that has just been started; one that was left is replaced."""
    _remove(session.name, machine.name)
    try:
        body = definition.wanted(document, session.name, machine.name)
        name = quote(container(session.name, machine.name))
        made: str = json.loads(api.call("POST", f"/containers/create?name={name}", body))["Id"]
        api.call("POST", f"/containers/{made}/start")
    except (ApiError, ValueError, KeyError) as error:
        hint = f"`labctl up {session.name}` mends what is missing"
        raise LabctlError(f"{machine.name} of {session.name}: {error}", hint) from None
    return made


def _remove(lab: str, machine: str) -> None:
    with suppress(ApiError):  # there is none, or somebody else is removing it
        api.call("DELETE", f"/containers/{quote(container(lab, machine))}?force=1&v=1")


def _compose_file(session: Session) -> Mapping[str, Any]:
    """What the lab was brought up with."""
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        content = session.state.compose_file.read_bytes()
        found = yaml.load(content, loader)  # noqa: S506 (a safe one)
    except (OSError, yaml.YAMLError):
        hint = f"`labctl up {session.name}` writes it"
        raise LabctlError(f"{session.name} has no Compose file here", hint) from None
    return dict(definition.uninterpolated(found))


class _Stay:
    """A shared lock that several have at a time; flock(2): a killed one gives it back."""

    def __init__(self, path: Path) -> None:
        self.gate = os.open(path.with_suffix(".gate"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.use = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Come or go while nobody else does; whether nobody else is there."""
        fcntl.flock(self.gate, fcntl.LOCK_EX)
        try:
            yield self._only()
        finally:
            fcntl.flock(self.use, fcntl.LOCK_SH)
            fcntl.flock(self.gate, fcntl.LOCK_UN)

    def _only(self) -> bool:
        try:
            fcntl.flock(self.use, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        os.close(self.use)
        os.close(self.gate)


@contextmanager
def _shared(path: Path) -> Iterator[_Stay]:
    try:
        stay = _Stay(path)
    except FileNotFoundError:
        raise LabctlError(f"{path.parent.name} is not up") from None
    try:
        yield stay
    finally:
        stay.close()
