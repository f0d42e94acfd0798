"""The edge of this host: brought up, reloaded when names change, taken down.

It is rendered, planned and executed as a lab is; only what it consists of comes from elsewhere.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

from labctl import plan
from labctl.edge import NAME
from labctl.edge.lab import DNS, edge_lab
from labctl.engines import api, compose
from labctl.engines.compose import Engine
from labctl.errors import LabctlError, Unsettled
from labctl.host import holders
from labctl.keep import files, keypairs
from labctl.model import Kept, Lab
from labctl.plan import Desired, Observation, Plan
from labctl.render.compose import LABEL
from labctl.work import edge_home, execute, seats
from labctl.work.activity import activity
from labctl.work.edge_home import EdgeSettings
from labctl.work.execute import Report
from labctl.work.rendered import Rendered
from labctl.work.seats import one_time_password
from labctl.work.session import Settings, wants

__all__ = ["EdgeSession", "activity", "down", "ensure", "is_up", "one_time_password", "up"]

_ATTEMPTS = 3


class EdgeSession(Rendered):
    """The edge as a command works on it."""

    def __init__(self, chosen: EdgeSettings) -> None:
        """The edge with these ports and all names of today."""
        self.name = edge_home.lab_name()
        self.dry = False
        self.chosen = chosen
        self.state = edge_home.state()
        self.settings = Settings("", self.name, chosen.publishing, "bare-metal")

    @cached_property
    def lab(self) -> Lab:
        """Its two machines, or three."""
        chosen, places, known = self.chosen, edge_home.places(), edge_home.known()
        dns = edge_home.name_server(chosen, known)
        return edge_lab(known, chosen.publishing, chosen.ssh, places, self.name, dns)

    @cached_property
    def kept(self) -> Kept:
        """The bastion's host key: the same for as long as the edge is known here."""
        with files.opened(edge_home.home(), write=True) as kept:
            keys, _ = keypairs.current(kept, wants(self.lab))
        return Kept("", keys=keys)


def is_up(engine: Engine) -> bool:
    """Whether the edge runs."""
    return NAME in execute.running(engine, edge_home.lab_name())


def is_interrupted(engine: Engine) -> bool:
    """Whether it was brought up and does not run: the host has been off, and its doors are gone."""
    return bool(engine.containers(edge_home.lab_name())) and not is_up(engine)


def ports(engine: Engine) -> tuple[int, ...]:
    """The host's ports that the edge holds now."""
    return edge_home.settings().ports if is_up(engine) else ()


def ensure(report: Report) -> None:
    """Bring the edge up, or to what it should know today; nothing where it knows all.

    LabctlError that names who holds its ports, and how a lab that does gets behind the edge.
    """
    up(edge_home.settings(), report)


def up(chosen: EdgeSettings, report: Report) -> Plan:
    """Bring the edge up on these ports, or change one that is up; what was done."""
    engine = Engine()
    edge_home.prepare()
    with edge_home.state().locked():
        _check_ports(chosen, engine)
        _check_dns(chosen, engine)
        edge_home.remember(chosen)
        seats.refresh()
        for _ in range(_ATTEMPTS - 1):
            try:
                return _up_once(EdgeSession(chosen), engine, report)
            except Unsettled:
                engine.settle(edge_home.lab_name())
        return _up_once(EdgeSession(chosen), engine, report)


def _up_once(session: EdgeSession, engine: Engine, report: Report) -> Plan:
    seen = engine.observe(session.name)
    starting = [m.name for m in seen.machines.values() if m.running and not m.generation]
    if starting:
        raise Unsettled(f"{', '.join(starting)} of the edge is still starting", "try again")
    definitions = session.definitions if seen.machines else {}
    made = plan.plan(Desired(session.lab, session.tree, definitions), seen, _own(seen))
    execute.execute(session, made, engine, report)
    touched = {change.machine for change in made.changes}
    late = {m.name: m.container for m in seen.machines.values() if m.name not in touched}
    execute.wait(late, engine, report)
    return made


def _own(seen: Observation) -> plan.Reset:
    """Nobody works on the edge's machines: what differs is put back."""
    return frozenset((m.name, path) for m in seen.machines.values() for path in m.drift)


def _check_ports(chosen: EdgeSettings, engine: Engine) -> None:
    """LabctlError where somebody else holds a port that the edge is to take; all at once."""
    taken = ports(engine)
    wanted = [port for port in chosen.ports if port not in taken]
    if not wanted:
        return
    containers, listening = api.containers([], running_only=True), holders.listeners()
    found = {port: holders.holder(port, containers, listening) for port in wanted}
    held = {port: who for port, who in found.items() if who}
    if not held:
        return
    for who in held.values():
        if who.startswith("docker-proxy"):  # of a container that is being started or stopped
            raise Unsettled(f"a port is held by {who}", "`docker ps` shows for whom")
    lines = [f"port {port} is held by {who}" for port, who in held.items()]
    raise LabctlError("\n".join(lines), _way_out(held.values(), chosen))


def _check_dns(chosen: EdgeSettings, engine: Engine) -> None:
    """LabctlError where the name server could not listen, or nobody could go by its answers."""
    if not chosen.dns:
        return
    address = ipaddress.ip_address(chosen.dns)
    if not (address.is_loopback or chosen.publishing.public):
        raise LabctlError(
            f"names would lead to {address}, and the edge listens on this host's loopback only",
            f"labctl edge up --public --dns {address}", status=2,
        )  # fmt: skip
    if DNS in execute.running(engine, edge_home.lab_name()):
        return
    containers, listening = api.containers([], running_only=True), holders.listeners()
    if who := holders.holder(chosen.dns_port, containers, listening, chosen.dns):
        raise LabctlError(
            f"port {chosen.dns_port} of {address} is held by {who}",
            "stop that, or give the name server another port: --dns-port 5353 (clients ask 53)",
        )


def _way_out(held: Iterable[str], chosen: EdgeSettings) -> str:
    """What to type: a lab goes behind the edge, anything else keeps its port."""
    labs = sorted({who.removeprefix("lab ") for who in held if who.startswith("lab ")})
    if labs:
        commands = ", ".join(f"`labctl up {lab} --edge`" for lab in labs)
        return f"this moves {'it' if len(labs) == 1 else 'them'} behind the edge: {commands}"
    return "give the edge other ports: labctl edge up --http 8080 --https 8443 --ssh 2223"


def down(purge: bool = False) -> int:
    """Take the edge down; labs behind it stay as they are. How many machines there were.

    Its host key and what it knows stay, unless ``purge``.
    """
    engine, name = Engine(), edge_home.lab_name()
    with edge_home.state().locked():
        count = len(engine.containers(name))
        if count:
            compose.down(name, volumes=True)
        edge_home.state().remove()
    if purge:
        edge_home.purge()
    if left := engine.containers(name):
        names = ", ".join(one["Labels"][f"{LABEL}.machine"] for one in left)
        raise LabctlError(f"the edge is not gone: {names} left", "`labctl edge down` tries again")
    return count


def with_ports(
    http: int | None,
    https: int | None,
    ssh: int | None,
    public: bool | None,
    dns: str | None = None,
    dns_port: int | None = None,
) -> EdgeSettings:
    """The edge's settings as they were, with what is said now."""
    before = edge_home.settings()
    was = before.publishing
    publishing = replace(
        was,
        http=http or was.http,
        https=https or was.https,
        public=was.public if public is None else public,
    )
    return EdgeSettings(
        publishing,
        ssh or before.ssh,
        before.dns if dns is None else dns,
        dns_port or before.dns_port,
    )
