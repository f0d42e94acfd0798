"""Certificate revocation lists (RFC 5280 section 5)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from labctl.pki import lifetime
from labctl.pki.authority import Issuer, authority_key_id


def revocation_list(
    revoked: Iterable[tuple[int, datetime]], number: int, now: datetime, end: datetime,
    issuer: Issuer,
) -> bytes:  # fmt: skip
    """The list of an authority in PEM: serial numbers with the time of each revocation.

    ``number`` grows with each list (section 5.2.3); whoever has one asks for the next at ``end``.
    """
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.subject)
        .last_update(now - lifetime.BACKDATED)
        .next_update(end)
        .add_extension(authority_key_id(issuer.key_id), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for serial, at in revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(at)
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.key, hashes.SHA256()).public_bytes(Encoding.PEM)


def issued_by(certificate: bytes, issuer: bytes) -> bool:
    """Whether the first certificate in PEM was issued by another; ValueError where one is none."""
    found = x509.load_pem_x509_certificate(certificate)
    above = x509.load_pem_x509_certificate(issuer)
    try:
        found.verify_directly_issued_by(above)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def serial_of(certificate: bytes) -> str:
    """The serial number of the first certificate in PEM, in hexadecimal digits; or ValueError."""
    return f"{x509.load_pem_x509_certificate(certificate).serial_number:x}"
