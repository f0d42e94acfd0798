"""What all certificates of a lab have in common: names, times, extensions."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from labctl.pki.names import as_address

ORGANIZATION = "hosting-labctl"
SERIAL_OCTETS = 20

Extension = tuple[x509.ExtensionType, bool]
PublicKey = EllipticCurvePublicKey | RSAPublicKey


def serial_number(entropy: bytes) -> int:
    """A positive serial number of 20 octets (RFC 5280 section 4.1.2.2) from 20 random ones."""
    if len(entropy) != SERIAL_OCTETS:
        raise ValueError(f"a serial number takes {SERIAL_OCTETS} octets, not {len(entropy)}")
    top = 1 << (8 * SERIAL_OCTETS - 2)
    return int.from_bytes(entropy, "big") % top + top


def name(common_name: str) -> x509.Name:
    """A subject with this common name; empty where it is too long for one (64 characters)."""
    if len(common_name) > 64:
        return x509.Name([])
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORGANIZATION),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def general_name(host: str) -> x509.GeneralName:
    """A host name or an IP address as a subject alternative name."""
    address = as_address(host)
    return x509.DNSName(host) if address is None else x509.IPAddress(address)


def network(cidr: str) -> x509.GeneralName:
    """An IP network as a name constraint."""
    return x509.IPAddress(ipaddress.ip_network(cidr))


def key_usage(*, sign: bool = False, issue: bool = False) -> x509.KeyUsage:
    """Signing (a TLS server whose handshakes are ephemeral), or issuing certificates and CRLs."""
    return x509.KeyUsage(
        digital_signature=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issue,
        crl_sign=issue,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass(frozen=True, slots=True)
class Draft:
    """A certificate that nobody has signed yet; ``extensions`` are values and whether critical."""

    subject: x509.Name
    public_key: PublicKey
    serial: int
    begin: datetime
    end: datetime
    extensions: Iterable[Extension]


def sign(draft: Draft, issuer: x509.Name, key: EllipticCurvePrivateKey) -> bytes:
    """The certificate in PEM, signed with ECDSA and SHA-256 (RFC 5758 section 3.2)."""
    builder = (
        x509.CertificateBuilder()
        .subject_name(draft.subject)
        .issuer_name(issuer)
        .public_key(draft.public_key)
        .serial_number(draft.serial)
        .not_valid_before(draft.begin)
        .not_valid_after(draft.end)
    )
    for value, critical in draft.extensions:
        builder = builder.add_extension(value, critical)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)
