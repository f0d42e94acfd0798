"""Certificate signing requests (PKCS #10, RFC 2986): what is asked for, and whether it may be."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from labctl.pki.certificate import PublicKey
from labctl.pki.names import Constraints

MAX_NAMES = 100
CURVES = ("secp256r1", "secp384r1")
RSA_BITS = range(2048, 4097)


class Refused(ValueError):
    """A request that is not signed: why, in words for the one who made it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Request:
    """The host names that a certificate is asked for, and the key that it is to vouch for.

    All else that a request says (to be an authority, to live long) is not read.
    """

    names: tuple[str, ...]
    public_key: PublicKey


def load(pem: bytes, allowed: Constraints) -> Request:
    """The request in ``pem``; Refused where it is damaged, or asks for what is not ``allowed``.

    Its own signature shows that whoever asks has the private key (RFC 2986 section 3).
    """
    try:
        asked = x509.load_pem_x509_csr(pem)
        key = asked.public_key()
        names = _names(asked)
        signed = asked.is_signature_valid
    except (ValueError, UnsupportedAlgorithm, InvalidSignature):
        raise Refused("this is no certificate request in PEM", _HINT) from None
    if not signed:
        raise Refused("the request is not signed with its own key", _HINT)
    return Request(_allowed(names, allowed), _key(key))


_HINT = (
    "`openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
    "-keyout KEY -out REQUEST -subj /CN=NAME -addext subjectAltName=DNS:NAME` makes one"
)


def _names(asked: x509.CertificateSigningRequest) -> tuple[str, ...]:
    """The alternative names; without any the common name, as people expect."""
    try:
        found = asked.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        common = asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return tuple(str(one.value) for one in common)
    return tuple(str(name.value) for name in found)


def _allowed(names: tuple[str, ...], allowed: Constraints) -> tuple[str, ...]:
    if not names:
        raise Refused("the request names no host", "give it a subjectAltName, DNS:NAME")
    if len(names) > MAX_NAMES:
        raise Refused(f"the request has {len(names)} names; at most {MAX_NAMES} are signed")
    unique = tuple(dict.fromkeys(name.lower() for name in names))
    outside = [name for name in unique if not allowed.permits(name)]
    if outside:
        raise Refused(
            f"the lab's authority may not sign for {', '.join(outside)}",
            f"ask for names below {' or '.join(allowed.dns)}, without wildcards",
        )
    return unique


def _key(key: object) -> PublicKey:
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return key
    if isinstance(key, rsa.RSAPublicKey) and key.key_size in RSA_BITS:
        return key
    raise Refused(
        "the request's key is of a kind that browsers do not take",
        "P-256, P-384, or RSA with 2048 to 4096 bits",
    )
