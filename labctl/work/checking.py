"""Checking a lab that is up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from labctl.checks import runner
from labctl.engines.compose import Engine
from labctl.errors import LabctlError
from labctl.spec.problems import nearest
from labctl.work.execute import running
from labctl.work.session import Session


def check(target: str, services: Iterable[str] = ()) -> tuple[runner.Result, ...]:
    """Run a lab's checks, or those of some services; LabctlError where the lab is not up."""
    session = Session(target, dry=True, running=True)
    lab = session.lab
    wanted = set(services)
    known = {*lab.services, *(check.service for check in lab.checks)}
    for name in wanted - known:
        raise LabctlError(f"{lab.name} has no service '{name}'", nearest(name, known), 2)
    containers = running(Engine(), lab.name)
    if not containers:
        raise LabctlError(f"{lab.name} is not up", f"`labctl up {target}` brings it up")
    if wanted:
        lab = replace(lab, checks=tuple(c for c in lab.checks if c.service in wanted))
    return runner.run(lab, session.kept, containers)
