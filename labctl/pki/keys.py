"""Private keys: made, written as PEM, and taken apart for DNSSEC, DKIM and SSH."""

from __future__ import annotations

from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

EcKey = ec.EllipticCurvePrivateKey
RsaKey = rsa.RSAPrivateKey
EdKey = ed25519.Ed25519PrivateKey

SCALAR = 32


def new_ec() -> EcKey:
    """A new P-256 key: one of the three functions here that use randomness."""
    return ec.generate_private_key(ec.SECP256R1())


def new_rsa(bits: int = 2048) -> RsaKey:
    """A new RSA key (DKIM verifiers must support 2048 bits: RFC 8301 section 3.2)."""
    return rsa.generate_private_key(public_exponent=65537, key_size=bits)


def new_ed() -> EdKey:
    """A new Ed25519 key (RFC 8032)."""
    return ed25519.Ed25519PrivateKey.generate()


def to_pem(key: EcKey | RsaKey) -> bytes:
    """The unencrypted PKCS #8 form (RFC 5958)."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def ec_from_pem(pem: bytes) -> EcKey:
    """The P-256 key in ``pem``; ValueError where it is something else."""
    key = load_pem_private_key(pem, password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError("not a P-256 key")
    return key


def ec_public(key: EcKey) -> str:
    """X || Y in base64, as a DNSKEY record has it (RFC 6605 section 4)."""
    numbers = key.public_key().public_numbers()
    raw = numbers.x.to_bytes(SCALAR, "big") + numbers.y.to_bytes(SCALAR, "big")
    return b64encode(raw).decode()


def ec_private(key: EcKey) -> str:
    """The scalar in base64, as BIND's private key file has it (RFC 6605 section 6)."""
    return b64encode(key.private_numbers().private_value.to_bytes(SCALAR, "big")).decode()


def rsa_public(key: RsaKey) -> str:
    """The DER SubjectPublicKeyInfo in base64, as DKIM publishes it (RFC 6376 section 3.6.1)."""
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(der).decode()


def ssh_private(key: EdKey) -> bytes:
    """OpenSSH's own form (its PROTOCOL.key), which every version of it reads; unencrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())


def ssh_public(key: EdKey) -> str:
    """The base64 of a line of ``authorized_keys`` (RFC 8709 section 4)."""
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return line.split()[1].decode()
