"""The bench that an experiment works at: one lab that is up, on one platform."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from labctl import kinds
from labctl.checks import runner
from labctl.engines import api
from labctl.engines.api import Finished
from labctl.engines.compose import Engine
from labctl.errors import LabctlError
from labctl.experiments import Say
from labctl.experiments.apparatus import ship
from labctl.experiments.apparatus.load import Load
from labctl.model import Check, Kept, Lab, Machine, PlatformName, Service, Site
from labctl.spec.keys import DutyKeys
from labctl.work.execute import running

if TYPE_CHECKING:
    from labctl.experiments.apparatus.trial import Changing

_APPLICATIONS = ("wsgi", "websocket")


class Upped(Protocol):
    """What a bench needs of the session with which its lab was brought up."""

    @property
    def lab(self) -> Lab:
        """The lab, placed."""

    @property
    def kept(self) -> Kept:
        """What it keeps."""


class Bench:
    """A lab that is up, and ways to look at it, ask it and harm it.

    ``seconds`` is how long bringing it up took in this run (None where it was up before),
    ``changing`` its lab file to change (None where the lab is not the experiment's own).
    ``say`` is told each step. ``duties`` are the lab file's words about who does what.
    """

    def __init__(
        self,
        session: Upped,
        platform: PlatformName,
        say: Say,
        duties: Mapping[str, DutyKeys],
        seconds: float | None = None,
        changing: Changing | None = None,
    ) -> None:
        self.session = session
        self.platform = platform
        self.say = say
        self.duties = duties
        self.seconds = seconds
        self._changing = changing
        self._containers: Mapping[str, str] = {}

    @property
    def lab(self) -> Lab:
        """The lab, placed."""
        return self.session.lab

    @property
    def kept(self) -> Kept:
        """Its keys and certificates."""
        return self.session.kept

    @property
    def changing(self) -> Changing:
        """The lab's own file and folder, for experiments that need a lab of their own."""
        if self._changing is None:
            raise LabctlError("this experiment changes a lab, and this one is not its own")
        return self._changing

    @property
    def containers(self) -> Mapping[str, str]:
        """The containers of the machines that run, by machine."""
        if not self._containers:
            self._containers = running(Engine(), self.lab.name)
        return self._containers

    def up(self) -> float:
        """``labctl up`` with the changes made to the lab's own file; the seconds it took."""
        self.session, seconds = self.changing.up()
        self._containers = {}
        return seconds

    def container(self, machine: str) -> str:
        """The container of a machine; LabctlError where it does not run."""
        if machine not in self.containers:
            raise LabctlError(f"the machine '{machine}' does not run", "`labctl up` starts it")
        return self.containers[machine]

    def exec(self, machine: str, command: Sequence[str], user: str = "root") -> Finished:
        """Run a command on a machine."""
        return api.exec_in(self.container(machine), command, user)

    def ask(self, machine: str, program: str, work: Any, seconds: float = 60.0) -> Any:
        """Run one of our programs (``shipped/``) on a machine; its answer."""
        return ship.ask(self.container(machine), program, work, seconds)

    # who is who

    @property
    def client(self) -> Machine:
        """The visitor's machine, on the Internet."""
        return self.lab.machine_of(self._visitor.name)

    @property
    def workstation(self) -> Machine | None:
        """A desk in the company's own network, where the platform has one."""
        machines = (self.lab.machine_of(s.name) for s in self.lab.of_kind("client"))
        return next((machine for machine in machines if self.is_inside(machine)), None)

    @property
    def _visitor(self) -> Service:
        found = self.lab.of_kind("client")
        return next(s for s in found if not self.is_inside(self.lab.machine_of(s.name)))

    @property
    def application(self) -> Service | None:
        """The service that is broken into, misbehaves and dies: the lab's first program."""
        found = (s for s in self.lab.services.values() if s.kind in _APPLICATIONS)
        return next(found, None)

    @property
    def page(self) -> Site | None:
        """The site whose visitors are disturbed: the first with pages sent as they are."""
        found = (s for s in self.sites if self.lab.services[s.service].kind == "static")
        return next((site for site in found if site.open), None)

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites that any visitor on the Internet may ask for."""
        return tuple(s for s in self.lab.sites if not (s.inside or s.clients))

    @property
    def servers(self) -> tuple[Machine, ...]:
        """The machines of those who host: not their visitors', not their providers'."""
        return tuple(m for m in self.lab.machines.values() if not self.is_outside(m))

    def is_inside(self, machine: Machine) -> bool:
        """Whether a machine stands in a private network only."""
        return set(machine.addresses) <= {network.name for network in self.lab.inside}

    def is_outside(self, machine: Machine) -> bool:
        """Whether a machine belongs to visitors or their providers."""
        return not self.is_inside(machine) and kinds.visiting(machine, self.lab)

    def others(self, service: Service) -> tuple[Service, ...]:
        """The other services of those who host."""
        served = (self.lab.services[name] for m in self.servers for name in m.services)
        unique = {other.name: other for other in served if other.name != service.name}
        return tuple(unique.values())

    # asking and harming

    def load(self, sites: Iterable[Site], rate: float, keep: int = 0) -> Load:
        """A steady load from the visitor's machine."""
        return Load(self.container(self.client.name), sites, rate, keep)

    def failing(self, wanted: Collection[str]) -> list[str]:
        """Those of these services that do not hold one check of each protocol, asked now."""
        first: dict[tuple[str, str], Check] = {}
        for check in self.lab.checks:
            if check.service in wanted and check.origin == self._visitor.name:
                first.setdefault((check.service, check.client), check)
        lab = replace(self.lab, checks=tuple(first.values()))
        results = runner.run(lab, self.kept, self.containers)
        failed = {result.check.service for result in results if not result.passed}
        return sorted(failed)

    @contextlib.contextmanager
    def noise(self, machine: str, user: str, what: str, seconds: float) -> Iterator[None]:
        """Somebody on a machine misbehaves, from when it has what it can get, for so long."""
        process = subprocess.Popen(
            ship.command(self.container(machine), ship.source("noise"), user),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            process.stdin.write(json.dumps({"what": what, "seconds": seconds}).encode())
            process.stdin.close()
            if process.stdout.readline() != b"full\n":
                words = process.stderr.read().decode(errors="replace").splitlines()
                raise LabctlError(f"{machine} stays quiet: {words[-1] if words else 'no word'}")
            yield
        finally:
            process.stdout.close()
            process.stderr.close()
            process.wait()
