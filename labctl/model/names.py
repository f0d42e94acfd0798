"""What DNS is told of a lab."""

from __future__ import annotations

from dataclasses import dataclass

HOSTS = "hosts"  # machines have their names below it: <machine>.hosts.<domain>
_TWO_LABELS = ".home.arpa"  # the one public suffix of two labels below which labs live (RFC 8375)


def party_domain(domain: str, party: str) -> str:
    """The domain of another party beside a lab's: ``shop.test`` and ``ads`` make ``shop-ads.test``.

    Browsers take the two for two sites, since the label below the public suffix is another one
    (draft-ietf-httpbis-rfc6265bis section 5.2, publicsuffix.org). Without a party, the lab's own.
    """
    labels = domain.split(".")
    own = -3 if domain.endswith(_TWO_LABELS) else -2
    labels[own] += f"-{party}" if party else ""
    return ".".join(labels)


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
