"""The kept keys that are no certificate's: of DNSSEC, DKIM, SSH. They are never renewed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labctl.keep.files import KEYS, Files
from labctl.keep.records import KeyRecord
from labctl.keep.told import told
from labctl.model import Key, Want


def current(files: Files, wants: Iterable[Want]) -> tuple[Mapping[str, Key], list[str]]:
    """A key pair for each want, made where it is missing, and what was made."""
    wanted = {want.name: want for want in wants}
    if not wanted:
        return {}, []
    records: dict[str, KeyRecord] = files.read(KEYS) or {}
    missing = [name for name in wanted if name not in records]
    if missing:
        records |= {name: _make(wanted[name]) for name in missing}
        files.save(KEYS, records)
    found = {name: Key(**records[name]) for name in wanted}
    return found, told("key", dict.fromkeys(missing, "made (new)"))


def _make(want: Want) -> KeyRecord:
    from labctl.keep import making

    make = {"rsa-key": making.rsa_key, "ssh-key": making.ssh_key}
    return make.get(want.kind, making.ec_key)()
