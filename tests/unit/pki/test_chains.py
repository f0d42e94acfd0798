"""Chains are accepted by strict verifiers, and refused where they must be."""

from __future__ import annotations

import os
import ssl
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from labctl.pki import authority, keys, leaf, names
from labctl.pki.certificate import serial_number
from labctl.pki.names import Constraints

NOW = datetime.now(UTC)
ALLOWED = names.for_lab("lab1.test", "lab1.localhost")


def serial() -> int:
    return serial_number(os.urandom(20))


@dataclass(frozen=True)
class Chain:
    """An authority in PEM, and its intermediate ready to sign."""

    root: bytes
    intermediate: bytes
    issuer: authority.Issuer


@dataclass(frozen=True)
class Server:
    """What a TLS server is configured with."""

    certificates: bytes
    key: bytes


def chain(allowed: names.Constraints = ALLOWED, now: datetime = NOW) -> Chain:
    root_key, key = keys.new_ec(), keys.new_ec()
    root = authority.root("lab1", allowed, root_key, serial(), now)
    issuer = authority.load(root, keys.to_pem(root_key))
    middle = authority.intermediate("lab1", allowed, key, serial(), now, issuer)
    return Chain(root, middle, authority.load(middle, keys.to_pem(key)))


def server(made: Chain, *hosts: str, now: datetime = NOW) -> Server:
    key = keys.new_ec()
    certificate = leaf.issue(hosts, key, serial(), now, made.issuer)
    return Server(certificate + made.intermediate, keys.to_pem(key))


def self_signed(*hosts: str) -> Server:
    key = keys.new_ec()
    return Server(leaf.self_signed(hosts, key, serial(), NOW), keys.to_pem(key))


def strict_client(root: bytes) -> ssl.SSLContext:
    """What Python 3.13's default context does, in every version."""
    context = ssl.create_default_context(cadata=root.decode())
    context.verify_flags |= ssl.VerifyFlags.VERIFY_X509_STRICT
    return context


def handshake(directory: Path, serving: Server, root: bytes, host: str) -> None:
    """A whole TLS handshake in memory; ssl.SSLError where the client refuses."""
    path = directory / "server.pem"
    path.write_bytes(serving.key + serving.certificates)
    acceptor = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    acceptor.load_cert_chain(path)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = strict_client(root).wrap_bio(down, up, server_hostname=host)
    peer = acceptor.wrap_bio(up, down, server_side=True)
    waiting = [client, peer]
    while waiting:
        waiting = [side for side in waiting if not _advance(side)]


def _advance(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def openssl_verify(
    directory: Path, serving: Server, root: bytes, host: str
) -> subprocess.CompletedProcess[str]:
    """``openssl verify`` with everything strict."""
    (directory / "root.pem").write_bytes(root)
    (directory / "chain.pem").write_bytes(serving.certificates)
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver"]
    command += ["-verify_hostname", host, "-CAfile", str(directory / "root.pem"), "-untrusted"]
    command += [str(directory / "chain.pem"), str(directory / "chain.pem")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


HOST = "www.lab1.test"
LONG = "a" * 60 + "." + "b" * 60 + ".lab1.test"


@pytest.fixture(scope="module")
def lab() -> Chain:
    return chain()


@pytest.mark.parametrize("host", [HOST, "lab1.test", "www.lab1.localhost", LONG])
def test_a_strict_client_accepts_names_of_the_lab(tmp_path: Path, lab: Chain, host: str) -> None:
    serving = server(lab, host, HOST)
    handshake(tmp_path, serving, lab.root, host)
    verified = openssl_verify(tmp_path, serving, lab.root, host)
    assert verified.returncode == 0, verified.stderr


def test_an_address_is_accepted_where_its_network_is_given(tmp_path: Path) -> None:
    made = chain(Constraints(dns=("lab1.test",), addresses=("198.18.0.0/24",)))
    handshake(tmp_path, server(made, "198.18.0.7"), made.root, "198.18.0.7")
    for outside in ("198.18.1.7", "2001:db8::1"):
        with pytest.raises(ssl.SSLCertVerificationError, match=r"permitted subtree|excluded"):
            handshake(tmp_path, server(made, outside), made.root, outside)


REFUSED: dict[str, tuple[Callable[[Chain], Server], str, str]] = {
    "wrong host": (lambda lab: server(lab, HOST), "app.lab1.test", "ostname mismatch"),
    "wrong authority": (
        lambda lab: server(chain(), HOST),
        HOST,
        "unable to get local issuer|verify failed",
    ),
    "outside the constraints": (
        lambda lab: server(lab, "www.example.org"),
        "www.example.org",
        "permitted subtree violation",
    ),
    "one name of two outside": (
        lambda lab: server(lab, HOST, "www.example.org"),
        HOST,
        "permitted subtree violation",
    ),
    "a domain that only ends alike": (
        lambda lab: server(lab, "notlab1.test"),
        "notlab1.test",
        "permitted subtree violation",
    ),
    "an address": (lambda lab: server(lab, "127.0.0.1"), "127.0.0.1", "excluded subtree"),
    "an IPv6 address": (lambda lab: server(lab, "::1"), "::1", "excluded subtree"),
    "self-signed": (lambda lab: self_signed(HOST), HOST, "self.signed certificate"),
    "expired": (
        lambda lab: server(lab, HOST, now=NOW - timedelta(days=91)),
        HOST,
        "certificate has expired",
    ),
    "not yet valid": (
        lambda lab: server(lab, HOST, now=NOW + timedelta(hours=2)),
        HOST,
        "not yet valid",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_client_refuses(tmp_path: Path, lab: Chain, case: str) -> None:
    make, host, reason = REFUSED[case]
    serving = make(lab)
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        handshake(tmp_path, serving, lab.root, host)
    assert openssl_verify(tmp_path, serving, lab.root, host).returncode != 0


def test_the_root_constrains_an_intermediate_that_claims_more(tmp_path: Path) -> None:
    honest, root_key = chain(), keys.new_ec()
    root = authority.root("lab1", Constraints(dns=("lab1.test",)), root_key, serial(), NOW)
    issuer = authority.load(root, keys.to_pem(root_key))
    key = keys.new_ec()
    wide = Constraints(dns=("test", "org"))
    middle = authority.intermediate("lab1", wide, key, serial(), NOW, issuer)
    made = Chain(root, middle, authority.load(middle, keys.to_pem(key)))
    handshake(tmp_path, server(made, HOST), root, HOST)
    with pytest.raises(ssl.SSLCertVerificationError, match="permitted subtree"):
        handshake(tmp_path, server(made, "www.example.org"), root, "www.example.org")
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, server(made, HOST), honest.root, HOST)


def test_an_intermediate_makes_no_further_authority(tmp_path: Path, lab: Chain) -> None:
    key = keys.new_ec()
    below = authority.intermediate(
        "lab1", Constraints(dns=("lab1.test",)), key, serial(), NOW, lab.issuer
    )
    deep = Chain(lab.root, below + lab.intermediate, authority.load(below, keys.to_pem(key)))
    with pytest.raises(ssl.SSLCertVerificationError, match="path length"):
        handshake(tmp_path, server(deep, HOST), lab.root, HOST)


def test_a_self_signed_certificate_serves_who_trusts_exactly_it(tmp_path: Path) -> None:
    serving = self_signed(HOST)
    handshake(tmp_path, serving, serving.certificates, HOST)
