"""The kept certificates of servers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from labctl.errors import LabctlError
from labctl.keep.authorities import Authority, due
from labctl.keep.files import LEAVES, Files
from labctl.keep.records import LeafRecord
from labctl.keep.told import told
from labctl.model import Leaf, Want
from labctl.pki import lifetime

SELF = "self"


def current(
    files: Files, wants: Iterable[Want], authority: Authority, now: datetime
) -> tuple[Mapping[str, Leaf], list[str]]:
    """A certificate for each want, made or renewed where needed, and what was done and why.

    LabctlError where the lab's authority may not sign for a name.
    """
    wanted = {want.name: want for want in wants}
    records: dict[str, LeafRecord] = files.read(LEAVES) or {}
    reasons = {
        name: reason
        for name, want in wanted.items()
        if (reason := _reason(want, records.get(name), authority, now))
    }
    if reasons:
        for name in reasons:
            _refuse_outside(wanted[name], authority)
        fresh = _make([wanted[name] for name in reasons], authority, now)
        records = {**_alive(records, now), **fresh}
        files.save(LEAVES, records)
    return {name: _leaf(records[name], authority) for name in wanted}, told("certificate", reasons)


def _reason(want: Want, record: LeafRecord | None, authority: Authority, now: datetime) -> str:
    if record is None:
        return "made (new)"
    if record["names"] != list(want.names):
        return "made again (other names)"
    if record["issuer"] != _issuer(want, authority):
        return "made again (another issuer)"
    if (record.get("fault", ""), record.get("client", False)) != (want.fault, want.client):
        return "made again (for another use)"
    if want.fault in ("expired", "not-yet-valid"):
        near = now.timestamp() + lifetime.RENEW_LEAF.total_seconds()
        return "renewed (it would be valid soon)" if record["begin"] < near < record["end"] else ""
    limit = authority.intermediate["end"] if want.issuer == "ca" else None
    reason = due(record, now, lifetime.RENEW_LEAF, limit)
    return f"renewed ({reason})" if reason else ""


def _issuer(want: Want, authority: Authority) -> str:
    return SELF if want.issuer == "self" else authority.issuer


def _refuse_outside(want: Want, authority: Authority) -> None:
    permits = authority.allowed.permits_mail if want.client else authority.allowed.permits
    outside = [name for name in want.names if not permits(name)]
    if want.issuer == "ca" and outside:
        raise LabctlError(
            f"certificate {want.name}: the lab's authority may not sign for {', '.join(outside)}",
            f"use names below {' or '.join(authority.allowed.dns)}, without wildcards",
        )


def _make(wants: Iterable[Want], authority: Authority, now: datetime) -> dict[str, LeafRecord]:
    from labctl.keep import making

    issuer = making.load(authority.intermediate)

    def made(want: Want) -> LeafRecord:
        named = _issuer(want, authority)
        if want.fault:
            return making.faulty(want.fault, want.names, now, issuer, named, authority.allowed)
        if want.client:
            return making.person(want.names[0], now, issuer, named)
        return making.server(want.names, now, None if want.issuer == "self" else issuer, named)

    return {want.name: made(want) for want in wants}


def _alive(records: Mapping[str, LeafRecord], now: datetime) -> dict[str, LeafRecord]:
    # Those of sites that are gone stay until they end: a site often comes back.
    return {
        name: record
        for name, record in records.items()
        if record["end"] > now.timestamp() or record.get("fault")
    }


def _leaf(record: LeafRecord, authority: Authority) -> Leaf:
    alone = record["issuer"] == SELF or record.get("fault") in (
        "incomplete-chain",
        "untrusted-root",
    )
    above = "" if alone else authority.intermediate["certificate"]
    return Leaf(chain=record["certificate"] + above, key=record["key"])
