"""The SOA serial of a lab's zones: larger whenever what they are made from has changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime

from labctl.keep.files import SERIAL, Files
from labctl.keep.records import SerialRecord
from labctl.model import AddressOf, Key, Lab, PublicKey

MODULUS = 2**32
HALF = 2**31


def current(files: Files, lab: Lab, keys: Mapping[str, Key], now: datetime) -> int:
    """The kept serial, or a larger one where a record, name, address or key has changed."""
    digest = digest_of(lab, keys)
    record: SerialRecord | None = files.read(SERIAL)
    if record is not None and record["digest"] == digest:
        return record["serial"]
    serial = following(record["serial"] if record else 0, int(now.timestamp()))
    fresh: SerialRecord = {"serial": serial, "digest": digest}
    files.save(SERIAL, fresh)
    return serial


def following(old: int, time: int) -> int:
    """A serial after ``old``: the time, or ``old`` + 1 where the time is not larger.

    Larger in the arithmetic of RFC 1982 (section 3.2), where secondaries compare serials;
    0 is left out, for some software takes it as "none".
    """
    candidate = time % MODULUS
    if candidate and (not old or 0 < (candidate - old) % MODULUS < HALF):
        return candidate
    return (old + 1) % MODULUS or 1


def digest_of(lab: Lab, keys: Mapping[str, Key]) -> str:
    """A digest of all that zones are made from, in whichever view."""
    source = [
        lab.domain,
        [[r.name, r.type, _value(r.value), r.ttl] for r in lab.records],
        [[s.names, s.inside, s.front, lab.own_address_of(s)] for s in lab.sites],
        {name: [m.host_name, dict(m.addresses), m.public] for name, m in lab.machines.items()},
        {name: service.machine for name, service in lab.services.items()},
        [[network.subnet, network.private] for network in lab.networks],
        [repr(service.options) for service in lab.of_kind("dns")],
        {name: key.public for name, key in keys.items()},
    ]
    return hashlib.sha256(json.dumps(source, sort_keys=True).encode()).hexdigest()


def _value(value: str | AddressOf | PublicKey) -> list[str]:
    if isinstance(value, AddressOf):
        return ["address-of", value.service]
    if isinstance(value, PublicKey):
        return ["public-key", value.key, value.text]
    return ["text", value]
