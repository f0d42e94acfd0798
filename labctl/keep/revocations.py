"""The kept revocation lists: made again when a certificate joins them, and before they end."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from labctl.errors import LabctlError
from labctl.keep.authorities import Authority, stored
from labctl.keep.files import REVOKED, Files
from labctl.keep.records import RevocationRecord, Signed
from labctl.model import Leaf
from labctl.pki import lifetime


def current(
    files: Files, leaves: Iterable[Leaf], authority: Authority, root: Signed, now: datetime
) -> tuple[str, list[str]]:
    """The lists of the lab's intermediate and root in PEM, and what was made and why.

    On the first are these ``leaves``, and what people have revoked. ``root`` is the lab's with
    its key: a sandbox's is its class's.
    """
    record: RevocationRecord = files.read(REVOKED) or _EMPTY
    wanted = {*record["asked"], *_serials(leaves)}
    reason = _reason(record, wanted, authority, now)
    if reason:
        from labctl.keep import making

        end = min(now + lifetime.LIST, making.load(root).end)
        record = {
            **record,
            "revoked": {s: record["revoked"].get(s, int(now.timestamp())) for s in sorted(wanted)},
            "issuer": authority.issuer,
            "number": record["number"] + 1,
            "end": int(end.timestamp()),
        }
        signers = (authority.intermediate, root)
        record["lists"] = making.lists(record["revoked"], record["number"], now, end, signers)
        files.save(REVOKED, record)
    told = f"revocation list {reason}: {len(record['revoked'])} on it"
    return record["lists"], [told] if reason else []


_EMPTY: RevocationRecord = {
    "revoked": {}, "asked": [], "issuer": "", "number": 0, "lists": "", "end": 0,
}  # fmt: skip


def revoke(files: Files, certificate: bytes) -> str:
    """Remember that a certificate is revoked; its serial number.

    LabctlError where it is none, or somebody else's: no list of the lab's would be asked about it.
    """
    from labctl.pki.revocation import issued_by, serial_of

    authority = stored(files)
    try:
        serial = serial_of(certificate)
        own = authority and issued_by(certificate, authority.intermediate["certificate"].encode())
    except ValueError:
        raise LabctlError("this is no certificate in PEM", status=2) from None
    if not own:
        hint = "`openssl x509 -noout -issuer -in FILE` says who has; only that one can revoke it"
        raise LabctlError("the lab's authority has not issued this certificate", hint, 2)
    record: RevocationRecord = files.read(REVOKED) or _EMPTY
    asked = [*dict.fromkeys([*record["asked"], serial])]
    files.save(REVOKED, {**record, "asked": asked})
    return serial


def _serials(leaves: Iterable[Leaf]) -> Iterable[str]:
    chains = [leaf.chain.encode() for leaf in leaves]
    if chains:
        from labctl.pki.revocation import serial_of

        yield from map(serial_of, chains)


def _reason(record: RevocationRecord, wanted: set[str], authority: Authority, now: datetime) -> str:
    if not record["lists"]:
        return "made (new)"
    if record["issuer"] != authority.issuer:
        return "made again (another issuer)"
    if set(record["revoked"]) != wanted:
        return "made again (other certificates)"
    left = timedelta(seconds=record["end"] - now.timestamp())
    return "renewed" if left < lifetime.RENEW_LIST else ""
