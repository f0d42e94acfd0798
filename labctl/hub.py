"""A class's own lab, the hub: what the class shares, once for all of its students. Pure.

By composition like a sandbox. ``hub`` leaves in a lab what its class shares, and what every lab
needs for that; ``closed`` shuts it once it is placed. It is called as the class, its domain is the
class's, its root the one that signs for the sandboxes. Students come in by unix sockets only: the
kind ``doorkeeper`` has some for each of them (``labctl.shared`` is the other end).

Its DNS knows nothing of students' domains. They are zones of their own with name servers of their
own, to which no packet leads from here: a delegation would send whoever asks to servers that never
answer (a lame one, RFC 1912 section 2.8), and a DS would have them trust what they cannot see.
"""

from __future__ import annotations

from dataclasses import replace

from labctl import kinds, sandbox, shared
from labctl.kinds import doorkeeper
from labctl.model import Group, Lab, Machine, Mount, PlatformName, Volume
from labctl.spec.keys import BareMetalKeys
from labctl.spec.specification import ServiceSpec, Spec

PLATFORM: PlatformName = "bare-metal"  # one machine: it teaches nobody how services are placed
DISK = 2**30  # bytes of each directory with data, where the lab says none
DOORKEEPER = "doorkeeper"
_ALWAYS = "dns"  # of the kinds that every lab has, what this one has without sharing it


def hub(spec: Spec, group: Group) -> Spec:
    """A lab as the class has it for itself: its shared services, students' accounts in them.

    It has a front only where one of them answers a site.
    """
    names = frozenset(shared.names(spec, group.own))
    sites = tuple(site for site in spec.sites if site.service in names)
    services = {
        name: one
        for name, one in spec.services.items()
        if name in names or _needed(one, with_front=bool(sites))
    }
    there = {*services, sandbox.VISITOR}
    return replace(
        spec,
        name=group.name,
        domain=group.domain,
        services={name: _peopled(one, group) for name, one in services.items()}
        | {DOORKEEPER: _doorkeeper(spec, group)},
        shared=frozenset(spec.services.keys() - services.keys()),  # elsewhere: with the students
        sites=sites,
        checks=tuple(one for one in spec.checks if {one.service, one.origin} <= there),
        platforms=replace(spec.platforms, bare_metal=BareMetalKeys()),
        expose={},
        subnet="",
    )


def _needed(one: ServiceSpec, with_front: bool) -> bool:
    """Whether every lab has such a service, shared or not."""
    visits = kinds.tier(one.kind) == "outside"
    return visits or one.kind == _ALWAYS or (with_front and one.kind == "front")


def _peopled(one: ServiceSpec, group: Group) -> ServiceSpec:
    """A service with the class's students in it; visitors' are all on one machine."""
    if kinds.tier(one.kind) == "outside":
        return replace(one, machine=sandbox.VISITOR)
    options = kinds.for_class(one.kind, one.options, tuple(group.students))
    return replace(one, options=options) if one.shared else one


def _doorkeeper(spec: Spec, group: Group) -> ServiceSpec:
    options = doorkeeper.Options(dict(group.students))
    return ServiceSpec(DOORKEEPER, "doorkeeper", DOORKEEPER, {}, options, {}, str(spec.folder))


def closed(lab: Lab, place: str) -> Lab:
    """The placed hub, shut: nothing published, no address of the host, disks of bounded size.

    ``place`` is the host's directory with the students' sockets.
    """
    machines = {name: _shut(machine, lab, place) for name, machine in lab.machines.items()}
    networks = tuple(sandbox.without_host(network) for network in lab.networks)
    return replace(lab, machines=machines, networks=networks)


def _shut(machine: Machine, lab: Lab, place: str) -> Machine:
    visiting = kinds.visiting(machine, lab)
    if visiting:
        return replace(machine, ports=(), visiting=True)
    volumes = tuple(_bounded(volume) for volume in machine.volumes)
    keeps = DOORKEEPER in machine.services
    return replace(
        machine,
        ports=(),
        volumes=volumes,
        limits=replace(machine.limits, disk=sum(volume.size for volume in volumes)),
        mounts=(Mount(place, doorkeeper.PLACE, writable=True),) if keeps else (),
        resolver=lab.of_kind("dns")[0].name,  # the visitors' is away while nobody asks anything
    )


def _bounded(volume: Volume) -> Volume:
    return replace(volume, size=volume.size or DISK)
