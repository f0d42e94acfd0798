"""The state of the edge: whether it is up, where it listens, which names it knows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from labctl.edge.names import Known
from labctl.engines.compose import Engine
from labctl.work import edge_home
from labctl.work.edge_home import EdgeSettings
from labctl.work.status import state_of


@dataclass(frozen=True, slots=True)
class EdgeStatus:
    """Each of its machines with its state, its settings, and what it should know."""

    machines: tuple[tuple[str, str], ...]
    settings: EdgeSettings
    known: Known

    @property
    def ready(self) -> bool:
        """Whether all of it answers."""
        return bool(self.machines) and all(state == "ready" for _, state in self.machines)

    def as_json(self) -> dict[str, Any]:
        """The same for scripts."""
        publishing = self.settings.publishing
        return {
            "ready": self.ready,
            "machines": dict(self.machines),
            "http": publishing.http,
            "https": publishing.https,
            "ssh": self.settings.ssh,
            "public": publishing.public,
            "dns": self.settings.dns,
            "dns_port": self.settings.dns_port,
            "classes": {group.name: list(group.domains) for group in self.known.groups},
            "labs": {lab.name: list(lab.domains) for lab in self.known.labs},
        }

    def lines(self) -> Iterable[str]:
        """The same for people."""
        if not self.machines:
            yield "the edge is not up: `labctl edge up`"
        for name, state in self.machines:
            yield f"{name:8}  {state}"
        publishing = self.settings.publishing
        where = "on all addresses" if publishing.public else "on loopback"
        ports = f"HTTP {publishing.http}, HTTPS {publishing.https}, SSH {self.settings.ssh}"
        yield f"ports     {ports}, {where}"
        if self.settings.dns:
            yield f"DNS       answers {self.settings.dns}, there at port {self.settings.dns_port}"
        for group in self.known.groups:
            yield f"class     {group.name}: <student>.{group.domains[0]}"
        for lab in self.known.labs:
            yield f"lab       {lab.name}: {', '.join(lab.domains)}"


def look() -> EdgeStatus:
    """What there is now."""
    seen = Engine().observe(edge_home.lab_name())
    machines = []
    for machine in seen.machines.values():
        state, trouble = state_of(machine)
        machines.append((machine.name, f"{state}: {trouble}" if trouble else state))
    return EdgeStatus(tuple(sorted(machines)), edge_home.settings(), edge_home.known())
