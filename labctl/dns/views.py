"""Views: what the lab's name server tells whom (split-horizon DNS).

A lab whose machines all stand on the Internet tells everybody the same. A company with a network
of its own tells its people where its machines really are, and strangers only what they can
reach: the same name has another answer inside.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass

from labctl.model import Lab, Machine, Network, Site

# RFC 1918 section 3: addresses that mean something to one company only
PRIVATE = tuple(map(ipaddress.IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))


@dataclass(frozen=True)
class View:
    """What machines on ``networks`` are told of a lab; ``name`` is "" where there is one view."""

    name: str
    lab: Lab
    networks: tuple[Network, ...]

    @property
    def outside(self) -> bool:
        """Whether this is what strangers are told."""
        return self.name == "outside"

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites that exist for this view."""
        return tuple(site for site in self.lab.sites if not (self.outside and site.inside))

    def address_of(self, service: str) -> str:
        """The address at which machines of this view reach a service."""
        lab = self.lab
        return lab.public_address_of(service) if self.outside else lab.address_of(service)

    def addresses(self) -> Iterator[tuple[Machine, str, Network]]:
        """All machines that this view knows, by each of their addresses."""
        networks = {n.name: n for n in self.lab.networks if not (self.outside and n.private)}
        for machine in self.lab.machines.values():
            for network, address in machine.addresses.items():
                if network in networks:
                    yield machine, address, networks[network]

    def tells(self, address: str) -> bool:
        """Whether an IPv4 address may be said: to strangers no private one ever."""
        subnets = (*PRIVATE, *(ipaddress.IPv4Network(n.subnet) for n in self.lab.inside))
        return not self.outside or not any(ipaddress.IPv4Address(address) in s for s in subnets)


def of(lab: Lab) -> tuple[View, ...]:
    """The views of a lab: of the inside and of the outside, or the one for everybody."""
    if not lab.inside:
        return (View("", lab, lab.networks),)
    public = tuple(network for network in lab.networks if not network.private)
    return View("inside", lab, lab.inside), View("outside", lab, public)


def of_machine(machine: Machine, lab: Lab) -> View:
    """The view that a machine gets: the inside one, were it there with one foot only."""
    for view in of(lab):
        if any(network.name in machine.addresses for network in view.networks):
            return view
    raise ValueError(f"{machine.name} is on no network of the lab")
