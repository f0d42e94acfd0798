"""What a lab keeps: certificates, keys and secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from labctl.model.words import Fault, WantKind


def person_key(person: str) -> str:
    """The name of a person's client certificate among the kept things."""
    return f"person/{person}"


@dataclass(frozen=True, slots=True)
class Want:
    """Something secret or long-lived that rendering needs as an input (``labctl.keep``).

    ``name`` is unique in the lab; ``names`` are a certificate's host names, or of a ``client``'s
    the one mail address of a person; ``issuer`` who signs it. One with a ``fault`` is for clients
    to refuse; one that is ``revoked`` stands in the list that a want of the kind ``crl`` is for.
    """

    kind: WantKind
    name: str
    names: tuple[str, ...] = ()
    issuer: Literal["ca", "self"] = "ca"
    fault: Fault = ""
    client: bool = False
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate with its chain, and its key, both PEM."""

    chain: str
    key: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair: PKCS #8 PEM, and raw parts as base64.

    For ``ec-key`` (P-256) ``private`` is the 32-byte scalar and ``public`` X || Y, as DNSSEC
    writes them (RFC 6605 section 4); for ``rsa-key`` ``public`` is the DER
    SubjectPublicKeyInfo, as DKIM publishes it (RFC 6376 section 3.6.1), ``private`` empty. An
    ``ssh-key`` (Ed25519) has its PEM in OpenSSH's own form, and as ``public`` the base64 of a
    line of ``authorized_keys`` (RFC 8709 section 4).
    """

    pem: str
    public: str
    private: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a lab keeps over ``down``: certificates, keys, secrets, by the name of their want.

    ``root`` is the lab's root certificate in PEM. ``serial`` is the zones' SOA serial, larger
    whenever a record of the lab has changed (RFC 1912 section 2.2). ``crl`` are the revocation
    lists of the intermediate and of the root in PEM, where one is wanted.
    """

    root: str
    certificates: Mapping[str, Leaf] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    serial: int = 1
    crl: str = ""
