"""What a class shares, as its sandboxes reach it. Pure.

No packet goes between a sandbox and its class (DESIGN decision 13). The class's own lab
(``labctl.hub``) has a directory of unix sockets for each student, one for each port of each shared
service; a student's machines see their own directory, which they cannot change. On the machine a
super-server listens at the same port of loopback and connects each caller with the socket, and the
service's name leads there: every client finds it where it would be, and TLS is verified to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from labctl import kinds
from labctl.model import (
    Daemon,
    Expansion,
    File,
    Kept,
    Lab,
    Machine,
    Mount,
    Offer,
    Seat,
    Service,
    Template,
    Want,
)
from labctl.spec.specification import ServiceSpec, Spec

INSIDE = "/run/hub"  # where a student's machine sees its sockets
HERE = "127.0.0.1"
CONFIG = "/etc/inetd.conf"
NOTE = "/root/class.txt"
PACKAGES = frozenset({"openbsd-inetd"})
# One process for all ports. It would shut a port for ten minutes after 256 connections in one;
# what a student may do to the others is the hub's to limit.
DAEMON = Daemon(
    name="inetd",
    run=("inetd", "-i", "-R", "100000", CONFIG),
    reload=("s6-svc", "-h", "/run/service/inetd"),
    watches=(CONFIG,),
)


def socket(service: str, port: int) -> str:
    """The name of the socket that leads to a port of a shared service."""
    return f"{service}-{port}.sock"


def names(spec: Spec, own: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The services of a lab that a class has once; ``own`` are those that each student has.

    Visitors' are not among them: they come with whoever asks something.
    """
    return tuple(
        name
        for name, one in spec.services.items()
        if one.shared and name not in own and kinds.tier(one.kind) != "outside"
    )


def offers(spec: Spec, seat: Seat) -> tuple[Offer, ...]:
    """What a student's sandbox reaches of what its class shares; nothing without a hub."""
    if not seat.hub:
        return ()
    return tuple(_offer(spec.services[name], spec, seat) for name in names(spec, seat.own))


def _offer(one: ServiceSpec, spec: Spec, seat: Seat) -> Offer:
    options = kinds.for_class(one.kind, one.options, (seat.id,))
    service = Service(one.name, one.kind, one.machine, options, source=one.source)
    expansion = kinds.load(one.kind).expand(service, _scope(one, spec, seat))
    host = expansion.host_name or f"{one.name}.{seat.domain}"
    packages = kinds.client_packages(one.kind)
    return Offer(one.name, host, expansion.ports, _account(expansion, seat.id), packages)


def _scope(one: ServiceSpec, spec: Spec, seat: Seat) -> kinds.Scope:
    return kinds.Scope(
        lab=seat.group,
        domain=seat.domain,
        sites=(),
        all_sites=(),
        services={name: service.kind for name, service in spec.services.items()},
        content=one.content,
    )


def _account(expansion: Expansion, student: str) -> Want | None:
    """The account that a service has for a student."""
    fitting = (one for one in expansion.accounts if one.name.partition("/")[2] == student)
    return next(fitting, None)


def reached(lab: Lab, seat: Seat) -> Lab:
    """A sandbox whose machines reach what its class shares."""
    if not lab.offers:
        return lab
    machines = {
        name: machine if machine.visiting else _reaching(machine, lab, seat)
        for name, machine in lab.machines.items()
    }
    return replace(lab, machines=machines)


def _reaching(machine: Machine, lab: Lab, seat: Seat) -> Machine:
    clients = frozenset[str]().union(*(offer.packages for offer in lab.offers))
    return replace(
        machine,
        packages=machine.packages | PACKAGES | clients,
        daemons=(*machine.daemons, DAEMON),
        mounts=(*machine.mounts, Mount(seat.hub, INSIDE)),
        hosts={**machine.hosts, **{offer.host: HERE for offer in lab.offers}},
    )


def files(machine: Machine, lab: Lab, kept: Kept) -> Iterator[File]:
    """What the super-server listens for, and a note of what there is and with which password."""
    if lab.seat is None or DAEMON.name not in {daemon.name for daemon in machine.daemons}:
        return
    ports = [_ports(offer, machine, lab) for offer in lab.offers]
    context = {"offers": list(zip(lab.offers, ports, strict=True)), "here": HERE, "inside": INSIDE}
    accounts = {
        offer.service: {
            "login": f"{lab.seat.id}@{lab.seat.domain}",
            "password": kept.secrets[offer.account.name],
        }
        for offer in lab.offers
        if offer.account
    }
    note = context | {"accounts": accounts, "group": lab.seat.group}
    yield File(CONFIG, Template("shared/inetd.conf.j2", context))
    yield File(NOTE, Template("shared/class.txt.j2", note), 0o600)


def _ports(offer: Offer, machine: Machine, lab: Lab) -> Mapping[str, tuple[int, str]]:
    """The ports of an offer that the machine has no server of its own at, with their sockets."""
    taken = {
        port for name in machine.services for port in lab.services[name].expansion.ports.values()
    }
    return {
        protocol: (port, socket(offer.service, port))
        for protocol, port in offer.ports.items()
        if port not in taken
    }
