"""Certificates that clients refuse, client certificates, revocation lists; kept as all others."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labctl.errors import LabctlError
from labctl.keep import keep, revoke
from labctl.model import Fault, Kept, Lab, Leaf, Machine, Network, Want

NOW = datetime.now(UTC)
HOST = "a.lab1.test"
LAB = Lab(
    name="lab1",
    title="",
    domain="lab1.test",
    services={},
    sites=(),
    machines={
        "a": Machine("a", (), frozenset(), frozenset(), {"internet": "198.18.0.2"}, "a.lab1.test")
    },
    networks=(Network("internet", "198.18.0.0/24"),),
)
REASONS: dict[Fault, str] = {
    "expired": "certificate has expired",
    "not-yet-valid": "certificate is not yet valid",
    "untrusted-root": "self-signed certificate in certificate chain",
    "incomplete-chain": "unable to get local issuer certificate",
    "weak-key": "EE certificate key too weak",
}
CRL = Want("crl", "revoked")


def kept(home: Path, *wants: Want, at: datetime = NOW) -> tuple[Kept, tuple[str, ...]]:
    return keep(LAB, wants, home / "data" / "lab1", at)


def verify(home: Path, found: Kept, leaf: Leaf, *more: str, host: str = HOST) -> str:
    """What ``openssl verify`` says, at the security level of Debian's clients."""
    for name, text in (("root", found.root), ("leaf", leaf.chain), ("crl", found.crl)):
        (home / f"{name}.pem").write_text(text)
    command = ["openssl", "verify", "-x509_strict", "-auth_level", "2"]
    command += ["-verify_hostname", host] if host else []
    command += ["-CAfile", str(home / "root.pem"), *more, "-untrusted", str(home / "leaf.pem")]
    command.append(str(home / "leaf.pem"))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("fault", REASONS)
def test_openssl_refuses_it_for_its_fault(tmp_path: Path, fault: Fault) -> None:
    want = Want("certificate", fault, (HOST,), fault=fault)
    found, told = kept(tmp_path, want)
    assert any(fault in line for line in told)
    assert REASONS[fault] in verify(tmp_path, found, found.certificates[fault])


def test_the_control_without_a_fault_is_accepted(tmp_path: Path) -> None:
    found, _ = kept(tmp_path, Want("certificate", "good", (HOST,)))
    assert verify(tmp_path, found, found.certificates["good"]).endswith(": OK\n")


def test_without_alternative_names_there_is_only_the_common_name(tmp_path: Path) -> None:
    found, _ = kept(tmp_path, Want("certificate", "old", (HOST,), fault="no-san"))
    assert verify(tmp_path, found, found.certificates["old"], host="").endswith(": OK\n")
    text = subprocess.run(
        ["openssl", "x509", "-noout", "-text"], input=found.certificates["old"].chain,
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert f"CN = {HOST}" in text
    assert "Subject Alternative Name" not in text


def test_faults_stay_as_they_are_until_they_would_be_none(tmp_path: Path) -> None:
    wants = [Want("certificate", fault, (HOST,), fault=fault) for fault in REASONS]
    first, _ = kept(tmp_path, *wants)
    assert kept(tmp_path, *wants) == (first, ())
    month = timedelta(days=32)
    later, told = kept(tmp_path, *wants, at=NOW + month)
    assert told == ()
    assert later.certificates == first.certificates
    much, told = kept(tmp_path, *wants, at=NOW + timedelta(days=340))
    assert much.certificates["expired"] == first.certificates["expired"]
    assert much.certificates["not-yet-valid"] != first.certificates["not-yet-valid"]


def test_a_fault_that_is_another_now_is_made_again(tmp_path: Path) -> None:
    kept(tmp_path, Want("certificate", "x", (HOST,), fault="expired"))
    found, told = kept(tmp_path, Want("certificate", "x", (HOST,)))
    assert told == ("1 certificate made again (for another use): x",)
    assert verify(tmp_path, found, found.certificates["x"]).endswith(": OK\n")


def test_a_revoked_certificate_is_good_for_those_who_do_not_look(tmp_path: Path) -> None:
    wants = (
        Want("certificate", "gone", (HOST,), revoked=True),
        Want("certificate", "good", (HOST,)),
        CRL,
    )
    found, told = kept(tmp_path, *wants)
    assert "revocation list made (new): 1 on it" in told
    looking = ("-crl_check_all", "-CRLfile", str(tmp_path / "crl.pem"))
    gone, good = found.certificates["gone"], found.certificates["good"]
    assert verify(tmp_path, found, gone).endswith(": OK\n")
    assert "certificate revoked" in verify(tmp_path, found, gone, *looking)
    assert verify(tmp_path, found, good, *looking).endswith(": OK\n")
    assert kept(tmp_path, *wants) == (found, ())


def test_the_list_grows_by_what_people_revoke_and_is_renewed(tmp_path: Path) -> None:
    want = Want("certificate", "good", (HOST,))
    found, _ = kept(tmp_path, want, CRL)
    serial = revoke(tmp_path / "data" / "lab1", found.certificates["good"].chain.encode())
    assert int(serial, 16) > 0
    later, told = kept(tmp_path, want, CRL)
    assert told == ("revocation list made again (other certificates): 1 on it",)
    looking = ("-crl_check_all", "-CRLfile", str(tmp_path / "crl.pem"))
    assert "certificate revoked" in verify(tmp_path, later, later.certificates["good"], *looking)
    assert kept(tmp_path, want, CRL, at=NOW + timedelta(days=29))[1] == ()
    assert (
        "revocation list renewed: 1 on it"
        in kept(tmp_path, want, CRL, at=NOW + timedelta(days=31))[1]
    )
    with pytest.raises(LabctlError, match="no certificate in PEM"):
        revoke(tmp_path / "data" / "lab1", b"-----BEGIN NOTHING")


def test_only_what_the_labs_authority_has_issued_can_be_revoked(tmp_path: Path) -> None:
    want = Want("certificate", "good", (HOST,))
    found, _ = kept(tmp_path, want, CRL)
    other, _ = kept(tmp_path / "other", want)
    selfmade, _ = kept(tmp_path, Want("certificate", "own", (HOST,), "self"))
    theirs = (other.certificates["good"], selfmade.certificates["own"])
    for chain in (*(leaf.chain for leaf in theirs), found.root):
        with pytest.raises(LabctlError, match="has not issued") as caught:
            revoke(tmp_path / "data" / "lab1", chain.encode())
        assert caught.value.status == 2
    assert kept(tmp_path, want, CRL)[1] == ()


def test_a_person_is_a_client_and_no_server(tmp_path: Path) -> None:
    want = Want("certificate", "people/alice", ("alice@lab1.test",), client=True)
    found, _ = kept(tmp_path, want)
    alice = found.certificates["people/alice"]
    assert verify(tmp_path, found, alice, "-purpose", "sslclient", host="").endswith(": OK\n")
    assert "certificate purpose" in verify(tmp_path, found, alice, "-purpose", "sslserver", host="")
    with pytest.raises(LabctlError, match=r"may not sign for alice@example\.com"):
        kept(tmp_path, Want("certificate", "b", ("alice@example.com",), client=True))
