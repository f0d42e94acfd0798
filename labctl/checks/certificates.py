"""What is in the certificates that a server has shown (RFC 5280)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any


def described(seen: Mapping[str, Any], now: datetime | None = None) -> dict[str, Any]:
    """What the tls client sees: the handshake, and the properties of its certificates.

    A certificate that cannot be read is an error of the server's, and said.
    """
    shown = seen.get("certificates")
    others = {key: value for key, value in seen.items() if key != "certificates"}
    if seen.get("error") or not isinstance(shown, list) or not shown:
        return {"error": "the server shows no certificate", **others}
    try:
        return {**others, "chain": len(shown), **_properties(str(shown[0]), now)}
    except Exception as error:  # noqa: BLE001 (a hostile certificate may break its reader anywhere)
        return {"error": f"the certificate cannot be read: {type(error).__name__}"}


def _properties(text: str, now: datetime | None) -> dict[str, Any]:
    from cryptography import x509
    from cryptography.x509 import DNSName, SubjectAlternativeName

    found = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
    try:
        names = found.extensions.get_extension_for_class(SubjectAlternativeName)
        hosts = names.value.get_values_for_type(DNSName)
    except x509.ExtensionNotFound:
        hosts = []
    left = found.not_valid_after_utc - (now or datetime.now(UTC))
    return {
        "subject": _common_name(found.subject),
        "issuer": _common_name(found.issuer),
        "names": hosts,
        "days": left.days,
        "self_signed": _signs_itself(found),
        "key": _key(found.public_key()),
    }


def _common_name(name: Any) -> str:
    from cryptography.x509.oid import NameOID

    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def _signs_itself(certificate: Any) -> bool:
    """Whether its own key has signed it."""
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(certificate)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _key(key: Any) -> str:
    """The kind of a key and its bits: ``EC 256``, ``RSA 2048``."""
    kind = type(key).__name__.replace("PublicKey", "").lstrip("_")
    words = {"EllipticCurve": "EC", "ECPublicKey": "EC"}
    name = next((short for long, short in words.items() if long in kind), kind)
    return f"{name} {key.key_size}" if hasattr(key, "key_size") else name
