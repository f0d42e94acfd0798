"""What DNS is told of a lab."""

from __future__ import annotations

from dataclasses import dataclass

HOSTS = "hosts"  # machines have their names below it: <machine>.hosts.<domain>


@dataclass(frozen=True, slots=True)
class AddressOf:
    """The address of the machine that runs a service, known after placing."""

    service: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Text that publishes a kept key: ``{}`` in it stands for the key's public half."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Record:
    """One DNS resource record (RFC 1035 section 3.2.1) of the lab's domain.

    ``name`` is relative to the domain, ``@`` the domain itself. ``value`` is the RDATA in
    presentation form, or the address of a service, or text with a kept public key. TXT values
    are plain text, quoted when the zone is rendered.
    """

    name: str
    type: str
    value: str | AddressOf | PublicKey
    ttl: int = 300
