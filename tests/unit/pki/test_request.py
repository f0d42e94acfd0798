"""Certificate requests: what is signed, and what never is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from labctl.cli.run import run
from labctl.errors import LabctlError
from labctl.keep import keep, lab_home
from labctl.model import Lab
from labctl.pki import names
from labctl.pki.request import Refused, load
from labctl.work.signing import sign

ALLOWED = names.for_lab("lab1.test", "lab1.localhost")
EC = ec.generate_private_key(ec.SECP256R1())
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def request(
    hosts: Sequence[str], key: Key = EC, common: str = "", authority: bool = False
) -> bytes:
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common)] if common else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(subject))
    if hosts:
        others = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
        builder = builder.add_extension(others, critical=False)
    if authority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    algorithm = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, algorithm).public_bytes(Encoding.PEM)


def refused(pem: bytes) -> str:
    with pytest.raises(Refused) as caught:
        load(pem, ALLOWED)
    return caught.value.message


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A lab that has its authority."""
    monkeypatch.setenv("HOSTING_LABCTL_DATA", str(tmp_path))
    keep(Lab("lab1", "", "lab1.test", {}, (), {}, ()), (), lab_home("lab1"), datetime.now(UTC))
    return "lab1"


def test_its_names_and_its_key_are_read() -> None:
    asked = load(request(["Shop.lab1.test", "shop.lab1.localhost", "shop.lab1.test"]), ALLOWED)
    assert asked.names == ("shop.lab1.test", "shop.lab1.localhost")
    assert asked.public_key == EC.public_key()
    assert load(request([], common="shop.lab1.test"), ALLOWED).names == ("shop.lab1.test",)


@pytest.mark.parametrize(
    "host",
    ["www.example.com", "lab1.test.example.com", "xlab1.test", "*.lab1.test", "10.0.0.1", "test"],
)
def test_names_that_are_not_the_labs_are_refused(host: str) -> None:
    said = refused(request(["shop.lab1.test", host]))
    assert said == f"the lab's authority may not sign for {host}"


def test_keys_that_browsers_do_not_take_are_refused() -> None:
    hosts = ["shop.lab1.test"]
    weak, other = rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP256K1())
    for key in (weak, other, ed25519.Ed25519PrivateKey.generate()):
        assert "of a kind that browsers do not take" in refused(request(hosts, key))
    good = rsa.generate_private_key(65537, 2048)
    assert load(request(hosts, good), ALLOWED).public_key == good.public_key()


def test_one_that_is_damaged_or_empty_is_refused() -> None:
    assert refused(request([])) == "the request names no host"
    assert refused(b"hello") == "this is no certificate request in PEM"
    der = bytearray(x509.load_pem_x509_csr(request(["shop.lab1.test"])).public_bytes(Encoding.DER))
    der[-1] ^= 1
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(Encoding.PEM)
    assert refused(forged) == "the request is not signed with its own key"
    many = [f"n{number}.lab1.test" for number in range(101)]
    assert refused(request(many)) == "the request has 101 names; at most 100 are signed"


def test_what_comes_back_is_a_servers_certificate_whatever_was_asked_for(lab: str) -> None:
    pem = sign(lab, request(["shop.lab1.test"], authority=True))
    made, signer = x509.load_pem_x509_certificates(pem.encode())
    made.verify_directly_issued_by(signer)
    assert made.public_key() == EC.public_key()
    assert not made.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    found = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.DNSName) == ["shop.lab1.test"]
    assert (made.not_valid_after_utc - datetime.now(UTC)).days in (89, 90)


def test_the_command_prints_the_chain_or_says_why_not(
    lab: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shop.csr"
    file.write_bytes(request(["shop.lab1.test"]))
    assert run("ca", ["sign", "lab1", str(file)]) == 0
    assert capsys.readouterr().out.count("BEGIN CERTIFICATE") == 2
    assert run("ca", ["sign", str(file)]) == 0
    capsys.readouterr()
    file.write_bytes(request(["www.example.com"]))
    assert run("ca", ["sign", "lab1", str(file)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "the lab's authority may not sign for www.example.com\n"
        "hint: ask for names below lab1.test or lab1.localhost, without wildcards\n"
    )
    assert run("ca", ["sign", "lab1", str(tmp_path / "none")]) == 1
    assert "No such file" in capsys.readouterr().err


def test_a_lab_without_an_authority_signs_nothing(lab: str) -> None:
    with pytest.raises(LabctlError, match="other has no authority yet"):
        sign("other", request(["shop.other.test"]))
    with pytest.raises(LabctlError, match="more than 64 KiB"):
        sign(lab, b"x" * 70_000)
