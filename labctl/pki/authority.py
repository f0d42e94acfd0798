"""Root and intermediate: the two certificates of a lab that may sign others.

Both carry critical name constraints, so that neither key, even stolen, speaks for a name
outside the lab (RFC 5280 section 4.2.1.10).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.x509.oid import ExtendedKeyUsageOID

from labctl.pki import lifetime
from labctl.pki.certificate import Draft, Extension, key_usage, name, network, sign
from labctl.pki.keys import EcKey, ec_from_pem
from labctl.pki.names import Constraints


@dataclass(frozen=True, slots=True)
class Issuer:
    """An authority ready to sign: its certificate's subject, key id and end, and its key."""

    subject: x509.Name
    key_id: x509.SubjectKeyIdentifier
    end: datetime
    key: EcKey


def load(certificate: bytes, key: bytes) -> Issuer:
    """An issuer from PEM; ValueError where the two do not belong together or are damaged."""
    parsed = x509.load_pem_x509_certificate(certificate)
    private = ec_from_pem(key)
    if parsed.public_key() != private.public_key():
        raise ValueError("the key is not the certificate's")
    key_id = parsed.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return Issuer(parsed.subject, key_id, parsed.not_valid_after_utc, private)


def root(lab: str, allowed: Constraints, key: EcKey, serial: int, now: datetime) -> bytes:
    """A root certificate in PEM, for 10 years, with one level of authorities below it."""
    public = key.public_key()
    subject = _subject(lab, "root", serial)
    begin, end = lifetime.validity(now, lifetime.ROOT, None)
    key_id = x509.SubjectKeyIdentifier.from_public_key(public)
    extensions = (*_authority(public, allowed, 1), (authority_key_id(key_id), False))
    return sign(Draft(subject, public, serial, begin, end, extensions), subject, key)


def intermediate(
    lab: str, allowed: Constraints, key: EcKey, serial: int, now: datetime, issuer: Issuer
) -> bytes:
    """An intermediate certificate in PEM, for 2 years or until its issuer's end.

    It signs certificates of TLS servers and clients only, none of further authorities.
    """
    public = key.public_key()
    begin, end = lifetime.validity(now, lifetime.INTERMEDIATE, issuer.end)
    uses = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    extensions = (
        *_authority(public, allowed, 0),
        (authority_key_id(issuer.key_id), False),
        (x509.ExtendedKeyUsage(uses), False),
    )
    draft = Draft(_subject(lab, "intermediate", serial), public, serial, begin, end, extensions)
    return sign(draft, issuer.subject, issuer.key)


def authority_key_id(key_id: x509.SubjectKeyIdentifier) -> x509.AuthorityKeyIdentifier:
    """The extension that names the issuer's key (RFC 5280 section 4.2.1.1)."""
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(key_id)


def _subject(lab: str, rank: str, serial: int) -> x509.Name:
    # Two roots of one lab (before and after a purge) must not share a name: trust stores
    # find certificates by it.
    return name(f"{lab} {rank} CA {serial % 2**32:08x}")


def _authority(
    public: EllipticCurvePublicKey, allowed: Constraints, below: int
) -> Iterable[Extension]:
    yield x509.BasicConstraints(ca=True, path_length=below), True
    yield key_usage(issue=True), True
    yield _constraints(allowed), True
    yield x509.SubjectKeyIdentifier.from_public_key(public), False


def _constraints(allowed: Constraints) -> x509.NameConstraints:
    permitted: list[x509.GeneralName] = [x509.DNSName(domain) for domain in allowed.dns]
    permitted += [x509.RFC822Name(host) for host in allowed.mail]
    permitted += [network(cidr) for cidr in allowed.addresses]
    excluded = [network(cidr) for cidr in allowed.excluded_addresses()]
    return x509.NameConstraints(permitted or None, excluded or None)
