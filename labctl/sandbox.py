"""Sandboxes: what makes a student's lab of any lab, on any platform. Pure.

Two functions from model to model. ``own`` leaves what belongs to the class out of a lab that was
read, ``closed`` shuts a lab that was placed: nobody's packets reach it or leave it, its web
servers and SSH servers are found by unix sockets only (DESIGN decision 13).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from labctl import kinds, on_demand, shared
from labctl.edge.behind import behind
from labctl.model import Daemon, Lab, Limits, Machine, Network, Seat, Volume
from labctl.spec.keys import PlatformsKeys
from labctl.spec.specification import ServiceSpec, Spec

VISITOR = "visitor"  # the class's clients: there while somebody asks a sandbox something
QUOTA = Limits(memory=256 * 2**20, cpus=1.0, processes=256, disk=256 * 2**20)
LOG = 2 * 2**20
WEIGHT = 256  # of a machine's processors when they are short: the edge and the host come first
SETTINGS = (16 * 2**20, 32 * 2**20)  # bytes for /etc, between these: a quarter of the disk
DATA = 32 * 2**20  # bytes for /var at least: a system without anything has 10 MB there
SCRATCH = "/tmp:exec,mode=1777,size=32m,nr_inodes=8k"  # noqa: S108 (a mount)


def own(spec: Spec, seat: Seat) -> Spec:
    """A lab as one student has it: with names of its own, without what the class shares."""
    visitors = [name for name, one in spec.services.items() if _visits(one)]
    gone = set(shared.names(spec, seat.own))
    services = {
        name: replace(one, machine=VISITOR) if name in visitors else _students(one)
        for name, one in spec.services.items()
        if name not in gone
    }
    return replace(
        spec,
        name=seat.lab,
        domain=f"{seat.id}.{seat.domain}",
        seat=seat,
        services=services,
        shared=frozenset(gone),
        offers=shared.offers(spec, seat),
        sites=tuple(site for site in spec.sites if site.service not in gone),
        checks=tuple(one for one in spec.checks if not {one.service, one.origin} & gone),
        platforms=_platforms(spec.platforms, gone),
        expose={},
        subnet="",
    )


def _platforms(keys: PlatformsKeys, gone: Collection[str]) -> PlatformsKeys:
    """What a lab says of platforms, but for services that are not there."""
    machines = {
        name: tuple(one for one in services if one not in gone)
        for name, services in keys.bare_metal.machines.items()
    }
    return replace(keys, bare_metal=replace(keys.bare_metal, machines=machines))


def _students(service: ServiceSpec) -> ServiceSpec:
    """A service as a student has it."""
    return replace(service, options=kinds.for_student(service.kind, service.options))


def _visits(service: ServiceSpec) -> bool:
    """Whether a service is visitors' business: the class has it, and comes with it."""
    return kinds.tier(service.kind) == "outside"


def closed(lab: Lab, seat: Seat, quota: Limits) -> Lab:
    """A placed lab as a sandbox: shut, and held to a quota; where it has 0, to the usual one."""
    machines = {name: _shut(machine, lab, seat) for name, machine in lab.machines.items()}
    held = _held(machines, quota)
    networks = tuple(without_host(network) for network in lab.networks)
    lab = behind(replace(lab, machines={**machines, **held}, networks=networks), seat.door)
    lab = on_demand.asleep(shared.reached(lab, seat))
    sealed = {name: _sealed(machine) for name, machine in lab.machines.items() if name in held}
    return replace(lab, machines={**lab.machines, **sealed})


def _shut(machine: Machine, lab: Lab, seat: Seat) -> Machine:
    """A machine without published ports: its doors are unix sockets."""
    visiting = kinds.visiting(machine, lab)
    names = lab.of_kind("dns")
    return replace(
        machine,
        ports=(),
        log=LOG,
        visiting=visiting,
        resolver=machine.resolver if visiting or not names else names[0].name,
    )


def _held(machines: Mapping[str, Machine], quota: Limits) -> Mapping[str, Machine]:
    """The student's own machines, which together have what the quota says."""
    mine = {name: machine for name, machine in machines.items() if not machine.visiting}
    return {name: replace(one, limits=_part(one, mine, quota)) for name, one in mine.items()}


def _sealed(machine: Machine) -> Machine:
    """A machine that writes nowhere but on two disks, which together have what its limit says.

    The data that its services keep lies on the second one.
    """
    places = [volume.path for volume in machine.volumes]
    settings = max(SETTINGS[0], min(SETTINGS[1], machine.limits.disk // 4))
    return replace(
        machine,
        sealed=True,
        weight=WEIGHT,
        tmpfs=(*machine.tmpfs, SCRATCH),
        daemons=tuple(_at_home(daemon, places) for daemon in machine.daemons),
        volumes=(
            Volume(f"{machine.name}-etc", "/etc", settings),
            Volume(f"{machine.name}-var", "/var", max(DATA, machine.limits.disk - settings)),
        ),
    )


def _at_home(daemon: Daemon, places: Sequence[str]) -> Daemon:
    """A daemon that finds its directories although no volume is mounted there."""
    if not places:
        return daemon
    return replace(daemon, prepare=(("mkdir", "-p", *places), *daemon.prepare))


def _part(machine: Machine, mine: Mapping[str, Machine], quota: Limits) -> Limits:
    """A machine's part of the quota: in proportion to what it would have without."""

    def part(limit: str) -> int:
        whole = getattr(quota, limit) or getattr(QUOTA, limit)
        wanted = sum(getattr(one.limits, limit) for one in mine.values())
        return int(whole * getattr(machine.limits, limit) / wanted) if wanted else int(whole)

    return Limits(
        memory=part("memory"),
        cpus=min(machine.limits.cpus, quota.cpus or QUOTA.cpus),
        processes=part("processes"),
        disk=(quota.disk or QUOTA.disk) // len(mine),
        bandwidth=quota.bandwidth,
    )


def without_host(network: Network) -> Network:
    """A network where neither the host nor anybody else leads out.

    The gateway that the engine asks for is an address that nobody has.
    """
    nobody = network.gateway or str(ipaddress.IPv4Network(network.subnet)[-2])
    return replace(network, gateway=nobody, reachable=False)
