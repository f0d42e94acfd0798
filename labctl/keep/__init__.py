"""What a lab keeps over ``down``: its authority, certificates, keys and secrets.

One directory a lab in the user's data directory, files of mode 0600. ``cryptography`` is
imported only where something has to be made.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from labctl.errors import LabctlError
from labctl.keep import authorities, derived, files, keypairs, leaves, revocations, serials
from labctl.keep.authorities import Authority
from labctl.keep.records import Signed
from labctl.model import Kept, Lab, Leaf, Offer, Seat, Want
from labctl.pki.names import for_lab

__all__ = ["Authority", "authority", "data_home", "keep", "lab_home", "purge", "revoke", "root_pem"]


def data_home() -> Path:
    """Where labs keep things: HOSTING_LABCTL_DATA, or ``hosting-labctl`` in the user's data.

    The latter is XDG_DATA_HOME where it is an absolute path, else ``~/.local/share`` (XDG Base
    Directory Specification 0.8).
    """
    own = os.environ.get("HOSTING_LABCTL_DATA")
    if own:
        return Path(own).expanduser().absolute()
    base = Path(os.environ.get("XDG_DATA_HOME") or ".")
    return (base if base.is_absolute() else Path.home() / ".local/share") / "hosting-labctl"


def lab_home(lab: str) -> Path:
    """The directory of one lab's kept things."""
    return data_home() / lab


def keep(
    lab: Lab, wants: Iterable[Want], directory: Path, now: datetime, *, write: bool = True
) -> tuple[Kept, tuple[str, ...]]:
    """Everything in ``wants``, as kept below ``directory``, and what was made and why.

    What is missing is made, what is near its end or made for other names is renewed, the rest
    stays. With ``write`` false it is made in memory only and nothing on disk is touched.
    LabctlError where a file is damaged, or the kept root cannot serve this lab.
    """
    wanted = tuple(wants)
    now = now.astimezone(UTC).replace(microsecond=0)
    above = _above(lab.seat, lab.offers, now, write) if lab.seat else _NOTHING_ABOVE
    with files.opened(directory, write) as kept:
        allowed = for_lab(*_below(lab))
        authority, made = authorities.current(kept, lab.name, allowed, now, above.root)
        certificates, issued = leaves.current(kept, _of(wanted, "certificate"), authority, now)
        keys, paired = keypairs.current(kept, _of(wanted, "ec-key", "rsa-key", "ssh-key"))
        lists, listed = _lists(kept, wanted, certificates, authority, above.root, now)
        secrets, sealed = derived.current(kept, _of(wanted, "password", "token"), above.secret)
        secrets = {**secrets, **above.accounts}
        serial = serials.current(kept, lab, keys, now)
    result = Kept(authority.root["certificate"], certificates, keys, secrets, serial, lists)
    return result, (*made, *issued, *paired, *listed, *sealed)


def _lists(
    kept: files.Files, wanted: Iterable[Want], certificates: Mapping[str, Leaf],
    authority: Authority, above: Signed | None, now: datetime,
) -> tuple[str, list[str]]:  # fmt: skip
    """The revocation lists, where a want is for them."""
    if not _of(wanted, "crl"):
        return "", []
    revoked = [certificates[want.name] for want in wanted if want.revoked]
    return revocations.current(kept, revoked, authority, above or authority.root, now)


def revoke(directory: Path, certificate: bytes) -> str:
    """Revoke a certificate of a lab's authority; its serial number. The next `up` says so."""
    with files.opened(directory, write=True) as kept:
        return revocations.revoke(kept, certificate)


def _below(lab: Lab) -> tuple[str, ...]:
    """The domains that the lab's names are below, its own ones first."""
    own = (lab.domain, lab.localhost)
    return (*own, *(name for name in (*lab.domains, *lab.localhosts) if name not in own))


def secrets(lab: Lab, wants: Iterable[Want]) -> Mapping[str, str]:
    """Passwords and tokens of a lab by the names of their wants; kept, or made now."""
    secret = _above(lab.seat, (), datetime.now(UTC), write=True).secret if lab.seat else b""
    with files.opened(lab_home(lab.name), write=True) as kept:
        return derived.current(kept, wants, secret)[0]


def secrets_of_seats(
    group: str, turns: Mapping[str, int], wants: Iterable[Want]
) -> Mapping[str, Mapping[str, str]]:
    """What each student's sandbox has as its passwords and tokens: id → name of the want → value.

    ``turns`` are how many other people had each of these ids before.

    Nothing is made, and there is nothing where no sandbox of the class was ever up.
    """
    kept = files.Files(lab_home(group), write=False).read(files.SECRET)
    if kept is None:
        return {}
    wanted, key = tuple(wants), bytes.fromhex(kept)
    own = {student: derived.of_seat(key, student, turn) for student, turn in turns.items()}
    return {
        student: {want.name: derived.derive(secret, want) for want in wanted}
        for student, secret in own.items()
    }


@dataclass(frozen=True, slots=True)
class _Above:
    """What a sandbox has from its class.

    The root that signs for it, its secret, and its passwords at what the class shares.
    """

    root: Signed | None = None
    secret: bytes = b""
    accounts: Mapping[str, str] = field(default_factory=dict)


_NOTHING_ABOVE = _Above()


def _above(seat: Seat, offers: Iterable[Offer], now: datetime, write: bool) -> _Above:
    """What a class keeps for the sandbox of a seat; made now where it is missing."""
    with files.opened(lab_home(seat.group), write) as kept:
        allowed = for_lab(seat.domain, f"{seat.group}.localhost")
        authority, _ = authorities.current(kept, seat.group, allowed, now)
        secret, _ = derived.kept(kept)
    accounts = [offer.account for offer in offers if offer.account]
    passwords = {want.name: derived.derive(secret, want) for want in accounts}
    return _Above(authority.root, derived.of_seat(secret, seat.id, seat.turn), passwords)


def authority(directory: Path) -> Authority | None:
    """The authority kept below ``directory``, or None; LabctlError where it is damaged."""
    return authorities.stored(files.Files(directory, write=False))


def root_pem(directory: Path) -> str:
    """The root certificate in PEM; LabctlError where there is none, or it is damaged."""
    found = authority(directory)
    if found is None:
        lab = directory.name
        raise LabctlError(f"{lab} has no root certificate yet", f"`labctl up {lab}` makes it")
    return found.root["certificate"]


def purge(directory: Path) -> tuple[str, ...]:
    """Remove everything kept below ``directory``; returns the names of the files removed."""
    return files.remove(directory)


def _of(wants: Iterable[Want], *kinds: str) -> tuple[Want, ...]:
    return tuple(want for want in wants if want.kind in kinds)
