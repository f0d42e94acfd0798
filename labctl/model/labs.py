"""A whole lab."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from labctl.model.classes import Offer, Seat, local_domain
from labctl.model.keeping import Want
from labctl.model.machines import Machine, Network, Publishing
from labctl.model.names import Record, party_domain
from labctl.model.services import Check, Service, Site
from labctl.model.words import PlatformName


@dataclass(frozen=True)
class Lab:
    """A whole lab, placed on machines and networks: the input of rendering.

    One behind the edge has a ``door``, the host's directory with its unix sockets; a sandbox has
    a ``seat``, and what its class shares as ``offers``.
    """

    name: str
    title: str
    domain: str
    services: Mapping[str, Service]
    sites: tuple[Site, ...]
    machines: Mapping[str, Machine]
    networks: tuple[Network, ...]
    records: tuple[Record, ...] = ()
    checks: tuple[Check, ...] = ()
    contents: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    accounts: tuple[Want, ...] = ()
    publishing: Publishing = Publishing()
    folder: str = ""
    platform: PlatformName = "vps"
    door: str = ""
    seat: Seat | None = None
    offers: tuple[Offer, ...] = ()

    @property
    def localhost(self) -> str:
        """The domain of the lab's names for use on the host."""
        return local_domain(self.name, self.seat)

    @property
    def parties(self) -> tuple[str, ...]:
        """Others who have sites in this lab, below domains of their own."""
        return tuple(dict.fromkeys(site.party for site in self.sites if site.party))

    @property
    def domains(self) -> tuple[str, ...]:
        """The lab's domain, and those of other parties."""
        return (self.domain, *(party_domain(self.domain, party) for party in self.parties))

    @property
    def localhosts(self) -> tuple[str, ...]:
        """The same for use on the host."""
        return (self.localhost, *(party_domain(self.localhost, party) for party in self.parties))

    def content_source(self, service: str, path: str) -> str:
        """Where a content file of a service lies: what a person edits."""
        return f"{self.folder}/{self.services[service].options.content}/{path}"

    def machine_of(self, service: str) -> Machine:
        """The machine that runs ``service``."""
        return self.machines[self.services[service].machine]

    def replicas_of(self, service: str) -> tuple[Machine, ...]:
        """All machines that run ``service``."""
        return tuple(m for m in self.machines.values() if service in m.services)

    def address_of(self, service: str) -> str:
        """The IPv4 address at which ``service`` is reached."""
        return self.machine_of(service).address

    def public_address_of(self, service: str) -> str:
        """The IPv4 address under which the Internet reaches ``service``, where it may."""
        machine = self.machine_of(service)
        return machine.public or machine.address

    def own_address_of(self, site: Site) -> str:
        """The IPv4 address that only this site answers at; "" where it shares its front's."""
        return self.machine_of(site.front).further.get(site.name, "") if site.own_address else ""

    @property
    def inside(self) -> tuple[Network, ...]:
        """The private segments: none where all machines stand on the Internet."""
        return tuple(network for network in self.networks if network.private)

    def of_kind(self, kind: str) -> tuple[Service, ...]:
        """All services of one kind, in the lab file's order."""
        return tuple(s for s in self.services.values() if s.kind == kind)

    @cached_property
    def sites_by_service(self) -> Mapping[str, tuple[Site, ...]]:
        """The sites that each service answers."""
        found: dict[str, list[Site]] = {}
        for site in self.sites:
            found.setdefault(site.service, []).append(site)
        return {name: tuple(sites) for name, sites in found.items()}
