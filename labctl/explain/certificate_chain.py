"""A certificate chain as a client sees it: for whom it is, and who vouches for it."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature

Signer = Literal["ca", "self", "other"]


def read(chain: bytes, root: bytes) -> tuple[Signer, tuple[str, ...]]:
    """Who signed the first certificate of a chain (PEM), and its DNS names.

    ``ca`` where signatures lead from it to ``root``, ``self`` where it is its own issuer.
    Times and constraints are not looked at.
    """
    certificates = x509.load_pem_x509_certificates(chain)
    trusted = x509.load_pem_x509_certificate(root)
    leaf = certificates[0]
    if _issued(leaf, leaf):
        return "self", _names(leaf)
    links = [*certificates, trusted]
    whole = all(_issued(one, above) for one, above in pairwise(links))
    return "ca" if whole else "other", _names(leaf)


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(found.value.get_values_for_type(x509.DNSName))
