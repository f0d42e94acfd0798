"""The edge as a lab: two machines without a network, rendered and changed as any lab's. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labctl import doors
from labctl.edge import DOORS, NAME
from labctl.edge.names import Known
from labctl.kinds import bastion, edge, wildcard
from labctl.model import Expansion, Lab, Machine, Mount, Publishing, Service

BASTION, DNS = "bastion", "dns"
# what a machine with a read-only root still writes: what it is rendered, and its own notes
_OWN = ("/etc/labctl:exec,mode=755,size=8m", "/var/lib/labctl:mode=700,size=64m")


@dataclass(frozen=True, slots=True)
class Places:
    """Directories of the host: all doors, and what the bastion is told of its users."""

    doors: str
    users: str
    seats: str
    passwords: str


def edge_lab(
    known: Known,
    publishing: Publishing,
    ssh: int,
    places: Places,
    name: str = NAME,
    dns: wildcard.Options | None = None,
) -> Lab:
    """The edge with what it knows; ``ssh`` is the host's port of the bastion.

    ``dns`` says where its names are answered; without, nowhere.
    """
    options = edge.Options(
        known=known,
        addresses=tuple(_addresses(publishing)),
        http=publishing.http,
        https=publishing.https,
        ssh=ssh,
        bastion=doors.ssh(BASTION).replace(doors.INSIDE, f"{DOORS}/{NAME}"),
    )
    services = [
        Service(NAME, "edge", NAME, options, edge.of_options(options)),
        Service(BASTION, "bastion", BASTION, bastion.Options(), bastion.EXPANSION),
    ]
    machines = [
        _machine(services[0], (Mount(places.doors, DOORS),), on_host=True),
        _machine(services[1], tuple(_of_bastion(places)), on_host=False),
    ]
    if dns:
        services.append(Service(DNS, "wildcard", DNS, dns, wildcard.of_options(dns)))
        machines.append(_machine(services[-1], (), on_host=True))
    return Lab(
        name=name,
        title="The edge of this host",
        domain=NAME,
        services={service.name: service for service in services},
        sites=(),
        machines={machine.name: machine for machine in machines},
        networks=(),
        publishing=publishing,
        platform="bare-metal",
    )


def _addresses(publishing: Publishing) -> Iterable[str]:
    """The addresses to listen on, as nginx writes them: loopback, or all."""
    yield "0.0.0.0" if publishing.public else "127.0.0.1"  # noqa: S104 (asked for)
    if publishing.ipv6:
        yield "[::]" if publishing.public else "[::1]"


def _of_bastion(places: Places) -> Iterable[Mount]:
    yield Mount(places.doors, DOORS)
    yield Mount(f"{places.doors}/{NAME}", doors.INSIDE, writable=True)
    yield Mount(places.users, bastion.USERS)
    yield Mount(places.seats, bastion.SEATS)
    yield Mount(places.passwords, bastion.PASSWORDS, writable=True)


def _machine(service: Service, mounts: tuple[Mount, ...], on_host: bool) -> Machine:
    expansion: Expansion = service.expansion
    return Machine(
        name=service.name,
        services=(service.name,),
        packages=expansion.packages,
        capabilities=expansion.capabilities,
        addresses={},
        host_name=service.name,
        limits=expansion.limits,
        tmpfs=(*_OWN, *expansion.tmpfs),
        daemons=expansion.daemons,
        wants=expansion.wants,
        resolver="",
        mounts=mounts,
        sealed=True,
        on_host=on_host,
        weight=4096,  # whoever floods one sandbox must not slow the way to the others
    )
