"""The state of a lab's machines."""

from __future__ import annotations

from dataclasses import dataclass

from labctl.engines.compose import Engine
from labctl.plan import SeenMachine
from labctl.work.session import Session


@dataclass(frozen=True, slots=True)
class MachineStatus:
    """One machine: ``state`` is ready, starting, stopped or missing; ``trouble`` says why.

    A class's clients are ``away`` while nobody asks for them.
    """

    name: str
    state: str
    address: str
    services: tuple[str, ...]
    trouble: str = ""

    @property
    def ready(self) -> bool:
        """Whether it is up and all its daemons answer, or need not."""
        return self.state in ("ready", "away")


def status(target: str) -> tuple[MachineStatus, ...]:
    """Every machine that the lab should have."""
    session = Session(target, dry=True, running=True)
    seen = Engine().observe(session.name)
    found = []
    for machine in session.lab.machines.values():
        there = seen.machines.get(machine.name)
        state, trouble = ("away", "") if machine.visiting and not there else state_of(there)
        found.append(MachineStatus(machine.name, state, machine.address, machine.services, trouble))
    return tuple(found)


def state_of(machine: SeenMachine | None) -> tuple[str, str]:
    """What a machine is, and why it is not ready where it is not."""
    if machine is None:
        return "missing", ""
    if not machine.running:
        return "stopped", ""
    if machine.trouble:
        return "not ready", machine.trouble
    if not machine.generation:
        return "starting", "its files are not unpacked yet"
    late = [f"{name}: {said}" for name, said in machine.ready.items() if said != "ok"]
    return ("not ready", "; ".join(late)) if late else ("ready", "")
