"""What is made anew: the only module of ``keep`` that needs ``cryptography`` and randomness.

It is imported where something is missing: with nothing to make, ``labctl up`` never loads it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from labctl.keep.records import AuthorityRecord, KeyRecord, LeafRecord, Signed
from labctl.pki import authority, keys, leaf, lifetime, revocation
from labctl.pki.certificate import SERIAL_OCTETS, serial_number
from labctl.pki.names import Constraints
from labctl.pki.request import Request

WEAK_BITS = 1024  # of RSA: what nobody may use since 2014 (CA/Browser Forum)
_MOVED = {"expired": -timedelta(days=100), "not-yet-valid": timedelta(days=365)}


def authorities(
    lab: str, allowed: Constraints, now: datetime, above: Signed | None = None
) -> AuthorityRecord:
    """A root with its first intermediate: a new one, or that ``above``, whose key stays there."""
    signer = above or root(lab, allowed, now)
    return {
        "dns": list(allowed.dns),
        "mail": list(allowed.mail),
        "root": {**signer, "key": ""} if above else signer,
        "intermediate": intermediate(lab, allowed, now, signer),
    }


def root(lab: str, allowed: Constraints, now: datetime) -> Signed:
    """A new root."""
    key = keys.new_ec()
    certificate = authority.root(lab, allowed, key, _serial(), now)
    return _signed(certificate, key, lifetime.validity(now, lifetime.ROOT, None))


def intermediate(lab: str, allowed: Constraints, now: datetime, root: Signed) -> Signed:
    """A new intermediate under a kept root."""
    key, issuer = keys.new_ec(), load(root)
    certificate = authority.intermediate(lab, allowed, key, _serial(), now, issuer)
    return _signed(certificate, key, lifetime.validity(now, lifetime.INTERMEDIATE, issuer.end))


def load(signed: Signed) -> authority.Issuer:
    """A kept authority, ready to sign."""
    return authority.load(signed["certificate"].encode(), signed["key"].encode())


def server(
    names: Sequence[str], now: datetime, issuer: authority.Issuer | None, issuer_id: str
) -> LeafRecord:
    """A new server certificate, self-signed where there is no issuer."""
    key = keys.new_ec()
    if issuer is None:
        certificate = leaf.self_signed(names, key, _serial(), now)
    else:
        certificate = leaf.issue(names, key, _serial(), now, issuer)
    times = lifetime.validity(now, lifetime.LEAF, issuer.end if issuer else None)
    return _leaf(_signed(certificate, key, times), names, issuer_id)


def person(address: str, now: datetime, issuer: authority.Issuer, issuer_id: str) -> LeafRecord:
    """A new client certificate for whoever has a mail address."""
    key = keys.new_ec()
    certificate = leaf.person(address, key.public_key(), _serial(), now, issuer)
    times = lifetime.validity(now, lifetime.LEAF, issuer.end)
    made = _signed(certificate, key, times)
    return _leaf(made, (address,), issuer_id, client=True)


def faulty(
    fault: str, names: Sequence[str], now: datetime, issuer: authority.Issuer,
    issuer_id: str, allowed: Constraints,
) -> LeafRecord:  # fmt: skip
    """A new server certificate with something wrong about it, for clients to refuse."""
    key = keys.new_rsa(WEAK_BITS) if fault == "weak-key" else keys.new_ec()
    at, above = now + _MOVED.get(fault, timedelta()), b""
    if fault == "untrusted-root":
        unknown = keys.new_ec()
        above = authority.root("unknown", allowed, unknown, _serial(), now)
        issuer = authority.load(above, keys.to_pem(unknown))
    if fault == "no-san":
        certificate = leaf.without_names(names[0], key.public_key(), _serial(), at, issuer)
    else:
        certificate = leaf.certify(names, key.public_key(), _serial(), at, issuer)
    times = lifetime.validity(at, lifetime.LEAF, issuer.end)
    made = _signed(certificate + above, key, times)
    return _leaf(made, names, issuer_id, fault)


def _leaf(
    made: Signed, names: Sequence[str], issuer_id: str, fault: str = "", client: bool = False
) -> LeafRecord:
    return {
        "certificate": made["certificate"], "key": made["key"],
        "begin": made["begin"], "end": made["end"],
        "names": list(names), "issuer": issuer_id, "fault": fault, "client": client,
    }  # fmt: skip


def lists(
    revoked: Mapping[str, int], number: int, now: datetime, end: datetime,
    signers: Sequence[Signed],
) -> str:  # fmt: skip
    """The revocation list of the first signer with these serial numbers; of the others, empty."""
    found = [(int(serial, 16), datetime.fromtimestamp(at, UTC)) for serial, at in revoked.items()]
    made = [
        revocation.revocation_list(found if not rank else [], number, now, end, load(signer))
        for rank, signer in enumerate(signers)
    ]
    return b"".join(made).decode()


def certificate(request: Request, now: datetime, issuer: authority.Issuer) -> str:
    """A server certificate in PEM for somebody else's key, as the request asks for."""
    return leaf.certify(request.names, request.public_key, _serial(), now, issuer).decode()


def ec_key() -> KeyRecord:
    """A new P-256 key with its raw parts."""
    key = keys.new_ec()
    return {
        "pem": keys.to_pem(key).decode(),
        "public": keys.ec_public(key),
        "private": keys.ec_private(key),
    }


def rsa_key() -> KeyRecord:
    """A new RSA key with its public part."""
    key = keys.new_rsa()
    return {"pem": keys.to_pem(key).decode(), "public": keys.rsa_public(key), "private": ""}


def ssh_key() -> KeyRecord:
    """A new Ed25519 key as OpenSSH writes it."""
    key = keys.new_ed()
    return {"pem": keys.ssh_private(key).decode(), "public": keys.ssh_public(key), "private": ""}


def _serial() -> int:
    return serial_number(os.urandom(SERIAL_OCTETS))


def _signed(
    certificate: bytes, key: keys.EcKey | keys.RsaKey, times: tuple[datetime, datetime]
) -> Signed:
    begin, end = (int(moment.astimezone(UTC).timestamp()) for moment in times)
    return {
        "certificate": certificate.decode(),
        "key": keys.to_pem(key).decode(),
        "begin": begin,
        "end": end,
    }
