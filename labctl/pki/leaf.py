"""Certificates of servers: signed by a lab's intermediate, or by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from labctl.pki import lifetime
from labctl.pki.authority import Issuer, authority_key_id
from labctl.pki.certificate import Draft, Extension, PublicKey, general_name, key_usage, name, sign
from labctl.pki.keys import EcKey
from labctl.pki.names import as_address


def issue(names: Sequence[str], key: EcKey, serial: int, now: datetime, issuer: Issuer) -> bytes:
    """A server certificate in PEM for a key of ours: see `certify`."""
    return certify(names, key.public_key(), serial, now, issuer)


def certify(
    names: Sequence[str], public: PublicKey, serial: int, now: datetime, issuer: Issuer
) -> bytes:
    """A server certificate in PEM for all ``names``, the first also its common name.

    It lives 90 days, or until its issuer's end. Whether the issuer may sign for these names
    is not asked here (``Constraints.permits``): clients refuse what it may not.
    """
    subject = _subject(names[0])
    begin, end = lifetime.validity(now, lifetime.LEAF, issuer.end)
    extensions = (*_server(names, public, subject), (authority_key_id(issuer.key_id), False))
    draft = Draft(subject, public, serial, begin, end, extensions)
    return sign(draft, issuer.subject, issuer.key)


def self_signed(names: Sequence[str], key: EcKey, serial: int, now: datetime) -> bytes:
    """A server certificate in PEM that nobody vouches for: clients must refuse it."""
    public = key.public_key()
    subject = _subject(names[0])
    begin, end = lifetime.validity(now, lifetime.LEAF, None)
    draft = Draft(subject, public, serial, begin, end, tuple(_server(names, public, subject)))
    return sign(draft, subject, key)


def without_names(
    host: str, public: PublicKey, serial: int, now: datetime, issuer: Issuer
) -> bytes:
    """A server certificate in PEM that has its host as common name alone, as before RFC 2818.

    RFC 9525 section 2 has clients look at alternative names only, so they should refuse it.
    """
    subject = _subject(host)
    begin, end = lifetime.validity(now, lifetime.LEAF, issuer.end)
    *others, _ = _server((host,), public, subject)
    extensions = (*others, (authority_key_id(issuer.key_id), False))
    draft = Draft(subject, public, serial, begin, end, extensions)
    return sign(draft, issuer.subject, issuer.key)


def person(address: str, public: PublicKey, serial: int, now: datetime, issuer: Issuer) -> bytes:
    """A client certificate in PEM for whoever has a mail address (RFC 5280 section 4.2.1.6).

    Its common name is what stands before the @.
    """
    subject = name(address.partition("@")[0])
    begin, end = lifetime.validity(now, lifetime.LEAF, issuer.end)
    extensions: tuple[Extension, ...] = (
        (x509.BasicConstraints(ca=False, path_length=None), True),
        (key_usage(sign=True), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False),
        (x509.SubjectKeyIdentifier.from_public_key(public), False),
        (x509.SubjectAlternativeName([x509.RFC822Name(address)]), False),
        (authority_key_id(issuer.key_id), False),
    )
    return sign(Draft(subject, public, serial, begin, end, extensions), issuer.subject, issuer.key)


def _subject(host: str) -> x509.Name:
    # Verifiers hold a common name against the DNS constraints, which no address satisfies.
    return name(host) if as_address(host) is None else x509.Name([])


def _server(names: Sequence[str], public: PublicKey, subject: x509.Name) -> Iterable[Extension]:
    yield x509.BasicConstraints(ca=False, path_length=None), True
    yield key_usage(sign=True), True
    yield x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False
    yield x509.SubjectKeyIdentifier.from_public_key(public), False
    # With an empty subject the alternative names must be critical (RFC 5280 section 4.2.1.6).
    empty = not list(subject)
    yield x509.SubjectAlternativeName([general_name(host) for host in names]), empty
