"""TLS as it is spoken on the front, and what the lab's authority cannot sign for."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.support.curl import curl
from tests.e2e.support.home import run
from tests.e2e.support.impostor import impostor
from tests.e2e.support.lab import OwnLab

pytestmark = pytest.mark.e2e

# Mozilla's intermediate profile, guidelines version 6, for a P-256 certificate
CIPHERS_12 = {
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
}
CIPHERS_13 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
CURVES = {"X25519MLKEM768", "X25519", "prime256v1", "secp384r1"}
UNKNOWN_CA = 60


def handshake(lab: OwnLab, *options: str, machine: str = "") -> str:
    """The cipher and protocol agreed on, "" where there is no handshake."""
    name = f"www.{lab.domain}"
    if machine:
        ran = lab.exec(machine, "openssl", "s_client", "-connect", f"{name}:443",
                       "-servername", name, *options, input="")  # fmt: skip
    else:
        ran = run(["openssl", "s_client", "-connect", f"127.0.0.1:{lab.https}",
                   "-servername", name, *options], input="")  # fmt: skip
    agreed = re.search(r"^New, (TLSv[0-9.]+), Cipher is (\S+)", ran.out, re.MULTILINE)
    return f"{agreed[1]} {agreed[2]}" if agreed and agreed[2] != "(NONE)" else ""


@pytest.mark.parametrize("version", ["-tls1", "-tls1_1"])
def test_old_versions_are_refused(lab1: OwnLab, version: str) -> None:
    assert handshake(lab1, version, "-cipher", "ALL:@SECLEVEL=0") == ""


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_new_versions_are_spoken(lab1: OwnLab, version: str) -> None:
    assert handshake(lab1, version) != ""


def test_only_the_ciphers_of_mozillas_intermediate_profile_are_taken(lab1: OwnLab) -> None:
    listed = lab1.output("client", "openssl", "ciphers", "-s", "-tls1_2", "ALL:@SECLEVEL=0")
    known = listed.strip().split(":")
    assert len(known) > 30

    def takes(*options: str) -> bool:
        return bool(handshake(lab1, *options, machine="client"))

    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda c: takes("-tls1_2", "-cipher", f"{c}:@SECLEVEL=0"), known)
        assert {c for c, taken in zip(known, answers, strict=True) if taken} == CIPHERS_12
    for suite in CIPHERS_13:
        assert takes("-tls1_3", "-ciphersuites", suite)
    assert not takes("-tls1_3", "-ciphersuites", "TLS_AES_128_CCM_SHA256")


def test_only_the_curves_of_that_profile_are_taken(lab1: OwnLab) -> None:
    others = {"secp521r1", "X448", "ffdhe2048", "brainpoolP256r1tls13", "SecP256r1MLKEM768"}
    taken = {
        curve
        for curve in CURVES | others
        if handshake(lab1, "-tls1_3", "-groups", curve, machine="client")
    }
    assert taken == CURVES


def test_a_site_proves_its_chain_down_from_the_root(lab1: OwnLab, ca: Path) -> None:
    ran = run(["openssl", "s_client", "-connect", f"127.0.0.1:{lab1.https}", "-servername",
               lab1.host("www"), "-CAfile", str(ca), "-verify_return_error", "-x509_strict",
               "-verify_hostname", lab1.host("www")], input="")  # fmt: skip
    assert "Verify return code: 0 (ok)" in ran.out
    assert ran.out.count("BEGIN CERTIFICATE") == 1


def test_export_writes_the_root_and_nothing_else(lab1: OwnLab, ca: Path) -> None:
    text = ca.read_text()
    assert text.startswith("-----BEGIN CERTIFICATE-----\n")
    assert text.endswith("-----END CERTIFICATE-----\n")
    assert text.count("BEGIN") == 1
    told = lab1.home.labctl("ca", "show", lab1.name, "--json").json
    assert told["critical"] is True
    assert f"DNS {lab1.domain}" in told["permitted"]


STOLEN = (
    ("intermediate", "www.example.com"),
    ("intermediate", "other.test"),
    ("intermediate", "localhost"),
    ("intermediate", "127.0.0.1"),
    ("root", "www.example.com"),
    ("root", "127.0.0.1"),
)


@pytest.mark.parametrize(("rank", "name"), STOLEN, ids=[f"{r}-{n}" for r, n in STOLEN])
def test_the_labs_key_cannot_sign_for_others(
    lab1: OwnLab, ca: Path, tmp_path: Path, rank: str, name: str
) -> None:
    with impostor(lab1, tmp_path, name, rank=rank) as port:
        answer = curl(f"https://{name}:{port}/", "--connect-to", f"::127.0.0.1:{port}", ca=ca)
        expected = "-verify_ip" if name[0].isdigit() else "-verify_hostname"
        said = run(["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-CAfile", str(ca),
                    expected, name], input="").said  # fmt: skip
    assert answer.exit == UNKNOWN_CA, answer
    assert re.search("(permitted|excluded) subtree violation", answer.error), answer
    assert re.search("(permitted|excluded) subtree violation", said)


@pytest.mark.parametrize("rank", ["intermediate", "root"])
def test_the_control_the_same_server_with_a_name_of_the_lab_is_trusted(
    lab1: OwnLab, ca: Path, tmp_path: Path, rank: str
) -> None:
    name = f"impostor.{lab1.domain}"
    with impostor(lab1, tmp_path, name, rank=rank) as port:
        answer = curl(f"https://{name}:{port}/", "--connect-to", f"::127.0.0.1:{port}", ca=ca)
    assert answer.status == 200, answer
