"""The kept root and intermediate of a lab: made once, the intermediate renewed, the root never."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from labctl.errors import LabctlError
from labctl.keep.files import AUTHORITY, Files
from labctl.keep.records import AuthorityRecord, Signed
from labctl.pki import lifetime
from labctl.pki.names import Constraints

ROOT_ENDS_SOON = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Authority:
    """A lab's authority as kept: certificates and keys in PEM, and what they may sign for."""

    root: Signed
    intermediate: Signed
    allowed: Constraints

    @property
    def issuer(self) -> str:
        """Which intermediate this is: a leaf of another one has to be made again."""
        return hashlib.sha256(self.intermediate["certificate"].encode()).hexdigest()[:16]


def current(
    files: Files, lab: str, allowed: Constraints, now: datetime, above: Signed | None = None
) -> tuple[Authority, list[str]]:
    """The lab's authority, made or renewed where needed, and what was done and why.

    The root of a sandbox is the one ``above``, its class's: it keeps an intermediate only.
    LabctlError where the kept root cannot serve this lab: another domain, or out of time.
    """
    record: AuthorityRecord | None = files.read(AUTHORITY)
    if above and record and record["root"]["certificate"] != above["certificate"]:
        record = None
    if record is None:
        return _new(files, lab, allowed, now, above)
    _refuse_other_names(lab, allowed, record)
    notices = _check_root(lab, record["root"], now)
    reason = _renewal(record, now)
    if reason:
        from labctl.keep import making

        record["intermediate"] = making.intermediate(lab, allowed, now, above or record["root"])
        files.save(AUTHORITY, record)
        notices.append(f"intermediate certificate renewed ({reason})")
    return Authority(record["root"], record["intermediate"], allowed), notices


def stored(files: Files) -> Authority | None:
    """The lab's authority as it is, or None."""
    record: AuthorityRecord | None = files.read(AUTHORITY)
    if record is None:
        return None
    allowed = Constraints(tuple(record["dns"]), tuple(record["mail"]))
    return Authority(record["root"], record["intermediate"], allowed)


def day(moment: int) -> str:
    """A time as people read it."""
    return datetime.fromtimestamp(moment, UTC).date().isoformat()


def _new(
    files: Files, lab: str, allowed: Constraints, now: datetime, above: Signed | None
) -> tuple[Authority, list[str]]:
    from labctl.keep import making

    record = making.authorities(lab, allowed, now, above)
    files.save(AUTHORITY, record)
    names = " and ".join(allowed.dns)
    what = "root and intermediate certificate made (new): they can sign"
    if above:
        what = "intermediate certificate made (new): it can sign"
    notice = f"{what} for {names} only"
    return Authority(record["root"], record["intermediate"], allowed), [notice]


def _refuse_other_names(lab: str, allowed: Constraints, record: AuthorityRecord) -> None:
    if (record["dns"], record["mail"]) != (list(allowed.dns), list(allowed.mail)):
        raise LabctlError(
            f"{lab}: its kept root certificate can sign for {' and '.join(record['dns'])} only, "
            f"the lab is now {' and '.join(allowed.dns)}",
            f"put the old domain back, or `labctl down --purge {lab}`: the next `labctl up {lab}` "
            "makes a new root, which browsers must be told to trust again",
        )


def _check_root(lab: str, root: Signed, now: datetime) -> list[str]:
    moment = now.timestamp()
    renew = f"`labctl down --purge {lab}` and `labctl up {lab}` make a new one"
    if moment < root["begin"]:
        raise LabctlError(
            f"{lab}: its kept root certificate is valid from {day(root['begin'])} on, "
            f"and this computer says it is {now.date().isoformat()}",
            f"set the clock; if it is right now and was wrong before: {renew}",
        )
    if moment >= root["end"]:
        raise LabctlError(f"{lab}: its root certificate ended on {day(root['end'])}", renew)
    if moment + ROOT_ENDS_SOON.total_seconds() >= root["end"]:
        return [f"the root certificate ends on {day(root['end'])}: {renew}"]
    return []


def _renewal(record: AuthorityRecord, now: datetime) -> str:
    limit = record["root"]["end"]
    return due(record["intermediate"], now, lifetime.RENEW_INTERMEDIATE, limit)


def due(signed: Signed, now: datetime, before: timedelta, limit: int | None) -> str:
    """Why a certificate has to be renewed now, empty where it has not.

    ``before`` is how long before its end, ``limit`` its issuer's end, beyond which a new one
    would not go either.
    """
    left = signed["end"] - now.timestamp()
    if now.timestamp() < signed["begin"]:
        return "it was not valid yet: the clock has been set back"
    if left < before.total_seconds() and (limit is None or signed["end"] < limit):
        return "it had ended" if left <= 0 else f"less than {before.days} days were left"
    return ""
