"""Which names an authority may certify (name constraints, RFC 5280 section 4.2.1.10)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

IPV4 = "0.0.0.0/0"
IPV6 = "::/0"

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Constraints:
    """Everything that an authority may sign for; what is not listed is forbidden.

    ``dns`` are domains with all below them, ``mail`` hosts of mail addresses, ``addresses``
    IP networks in CIDR form. An address family that is not given is excluded as a whole.
    """

    dns: tuple[str, ...]
    mail: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    def permits(self, name: str) -> bool:
        """Whether a certificate may carry ``name``, a host name or an IP address.

        Wildcards are never permitted: a lab's sites are known one by one.
        """
        address = as_address(name)
        if address is not None:
            return any(address in ipaddress.ip_network(given) for given in self.addresses)
        host = name.lower()
        if not host.isascii() or "*" in host:
            return False
        return any(host == domain or host.endswith(f".{domain}") for domain in self.dns)

    def permits_mail(self, address: str) -> bool:
        """Whether a certificate may carry a mail address: of one of these hosts, exactly."""
        local, _, host = address.rpartition("@")
        return bool(local) and address.isascii() and host.lower() in self.mail

    def excluded_addresses(self) -> tuple[str, ...]:
        """The address families of which no network is given."""
        given = {ipaddress.ip_network(network).version for network in self.addresses}
        return tuple(every for version, every in ((4, IPV4), (6, IPV6)) if version not in given)


def for_lab(domain: str, *others: str) -> Constraints:
    """What a lab's authority may sign: its domain, its names on the host and alike, its mail."""
    return Constraints(dns=(domain, *others), mail=(domain,))


def as_address(name: str) -> Address | None:
    """The IP address that ``name`` writes, or None for a host name."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
