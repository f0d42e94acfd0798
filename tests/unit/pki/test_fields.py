"""What the certificates say, field by field (RFC 5280)."""

from __future__ import annotations

import os
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key

from labctl.pki import authority, keys, leaf, names
from labctl.pki.certificate import serial_number

NOW = datetime.now(UTC)
ALLOWED = names.for_lab("lab1.test", "lab1.localhost")


def serial() -> int:
    return serial_number(os.urandom(20))


def root(now: datetime = NOW) -> tuple[bytes, authority.Issuer]:
    key = keys.new_ec()
    made = authority.root("lab1", ALLOWED, key, serial(), now)
    return made, authority.load(made, keys.to_pem(key))


def intermediate(now: datetime = NOW) -> tuple[bytes, authority.Issuer]:
    key = keys.new_ec()
    made = authority.intermediate("lab1", ALLOWED, key, serial(), now, root(now)[1])
    return made, authority.load(made, keys.to_pem(key))


def parse(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def critical(certificate: x509.Certificate) -> dict[str, bool]:
    return {e.value.__class__.__name__: e.critical for e in certificate.extensions}


def test_authorities() -> None:
    for pem, path_length in ((root()[0], 1), (intermediate()[0], 0)):
        parsed = parse(pem)
        seen = critical(parsed)
        assert seen["BasicConstraints"]
        assert seen["KeyUsage"]
        assert seen["NameConstraints"]
        assert {"SubjectKeyIdentifier", "AuthorityKeyIdentifier"} <= seen.keys()
        basic = parsed.extensions.get_extension_for_class(x509.BasicConstraints).value
        assert (basic.ca, basic.path_length) == (True, path_length)
        limits = parsed.extensions.get_extension_for_class(x509.NameConstraints).value
        assert [name.value for name in limits.permitted_subtrees or ()] == [
            "lab1.test",
            "lab1.localhost",
            "lab1.test",
        ]
        assert [str(name.value) for name in limits.excluded_subtrees or ()] == ["0.0.0.0/0", "::/0"]


def test_leaf() -> None:
    issuer = intermediate()[1]
    parsed = parse(leaf.issue(["www.lab1.test"], keys.new_ec(), serial(), NOW, issuer))
    seen = critical(parsed)
    assert seen["BasicConstraints"]
    assert seen["KeyUsage"]
    assert not seen["SubjectAlternativeName"]
    assert not seen["ExtendedKeyUsage"]
    assert "AuthorityKeyIdentifier" in seen
    assert parsed.not_valid_before_utc == (NOW - timedelta(hours=1)).replace(microsecond=0)
    assert parsed.not_valid_after_utc == (NOW + timedelta(days=90)).replace(microsecond=0)
    assert parsed.not_valid_after_utc < issuer.end


def test_a_name_too_long_for_the_subject_makes_the_alternative_names_critical() -> None:
    host = ".".join(["a" * 60, "b" * 60, "lab1.test"])
    parsed = parse(leaf.self_signed([host], keys.new_ec(), serial(), NOW))
    assert not list(parsed.subject)
    assert critical(parsed)["SubjectAlternativeName"]


def test_no_leaf_outlives_its_issuer() -> None:
    old = intermediate(NOW - timedelta(days=700))[1]
    parsed = parse(leaf.issue(["www.lab1.test"], keys.new_ec(), serial(), NOW, old))
    assert parsed.not_valid_after_utc == old.end


@pytest.mark.parametrize("entropy", [b"\0" * 20, b"\xff" * 20, b"\x80" + b"\0" * 19])
def test_a_serial_number_is_positive_and_takes_twenty_octets(entropy: bytes) -> None:
    number = serial_number(entropy)
    assert number > 0
    # DER adds an octet where the top bit is set, and RFC 5280 allows 20 in all.
    assert number.bit_length() == 159
    with pytest.raises(ValueError, match="20 octets"):
        serial_number(entropy[1:])


def test_two_roots_of_a_lab_have_different_names() -> None:
    one, two = (parse(root()[0]) for _ in range(2))
    assert one.subject != two.subject


def test_a_key_of_somebody_else_is_refused() -> None:
    with pytest.raises(ValueError, match="not the certificate's"):
        authority.load(root()[0], keys.to_pem(keys.new_ec()))


def test_raw_parts_of_an_ec_key() -> None:
    key = keys.new_ec()
    numbers = key.public_key().public_numbers()
    raw = b64decode(keys.ec_public(key))
    assert (raw[:32], raw[32:]) == (numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big"))
    scalar = int.from_bytes(b64decode(keys.ec_private(key)), "big")
    assert scalar == key.private_numbers().private_value
    assert keys.to_pem(keys.ec_from_pem(keys.to_pem(key))) == keys.to_pem(key)


def test_the_public_part_of_an_rsa_key() -> None:
    key = keys.new_rsa()
    assert load_der_public_key(b64decode(keys.rsa_public(key))) == key.public_key()
    with pytest.raises(ValueError, match="P-256"):
        keys.ec_from_pem(keys.to_pem(key))


@pytest.mark.parametrize(
    ("name", "permitted"),
    [
        ("lab1.test", True),
        ("WWW.lab1.test", True),
        ("a.b.lab1.localhost", True),
        ("localhost", False),
        ("xlab1.test", False),
        ("*.lab1.test", False),
        ("bücher.lab1.test", False),
        ("127.0.0.1", False),
        ("::1", False),
    ],
)
def test_permitted_names(name: str, permitted: bool) -> None:
    assert ALLOWED.permits(name) is permitted


def test_permitted_addresses() -> None:
    allowed = names.Constraints(dns=(), addresses=("198.18.0.0/24",))
    assert allowed.permits("198.18.0.9")
    assert not allowed.permits("198.18.1.9")
    assert allowed.excluded_addresses() == ("::/0",)
