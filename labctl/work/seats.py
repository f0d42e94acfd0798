"""What the bastion is told of its users: who they are, and what opens their own machines.

Written as files that it sees at once, so nobody else's session notices. Each lab behind the edge
has a directory ``seats/<lab>``; ``users/passwd`` lists the names that lead there.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from labctl import ssh
from labctl.engines.state import write_atomically
from labctl.keep.files import locked
from labctl.kinds.bastion import GROUP
from labctl.model import Kept, Lab
from labctl.render import ssh_config
from labctl.work import edge_home

_GID = 20000  # of no user of the image; libnss-extrausers knows numbers from 500 on
_FIRST_UID = 20001
_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # none that is taken for another
_RECORD = "seat.json"
WEEK = 7 * 24 * 3600  # seconds


@dataclass(frozen=True, slots=True)
class SeatRecord:
    """One lab behind the edge, as the bastion has it. ``machines`` begin with the front's.

    ``group`` and ``id`` are those of a sandbox's seat, "" for any other lab.
    """

    lab: str
    machines: tuple[str, ...]
    uid: int
    group: str = ""
    id: str = ""


def admit(lab: Lab, kept: Kept) -> None:
    """Let the lab's user in: to its machines, with its key, to its host keys."""
    edge_home.prepare()
    servers = sorted(ssh.servers(lab), key=lambda machine: not _first(machine.services, lab))
    if not servers:
        return
    with locked(edge_home.home()):
        before = {record.lab: record for record in _records()}
        uid = before[lab.name].uid if lab.name in before else _free(before.values())
        group, student = (lab.seat.group, lab.seat.id) if lab.seat else ("", "")
        names = tuple(machine.name for machine in servers)
        home = _directory(lab.name)
        home.mkdir(mode=0o700, exist_ok=True)
        key = kept.keys[ssh.BASTION_KEY.name].pem
        write_atomically(home / "key", key.encode(), 0o600)
        write_atomically(home / "known_hosts", ssh_config.known_hosts(lab, kept).encode())
        record = SeatRecord(lab.name, names, uid, group, student)
        _write_roster_key(lab.name, dict(_roster_keys()).get(lab.name, ""))
        write_atomically(home / _RECORD, json.dumps(asdict(record)).encode())
        _write_users({**before, lab.name: record}.values())


def _first(services: Iterable[str], lab: Lab) -> bool:
    return any(lab.services[name].kind == "front" for name in services)


def dismiss(lab: str, purge: bool) -> None:
    """Forget the lab's user, with the passwords that were not used.

    A sandbox's is forgotten with a ``purge`` only: it may be up again tomorrow.
    """
    if not edge_home.home().is_dir():
        return
    record = next((one for one in _records() if one.lab == lab), None)
    if record is None and not _passwords(lab).exists():
        return
    if not purge and (record is None or record.id):
        return
    with locked(edge_home.home()):  # there may be passwords of one that was never up
        shutil.rmtree(_directory(lab), ignore_errors=True)
        shutil.rmtree(_passwords(lab), ignore_errors=True)
        _write_users(_records())


def refresh() -> None:
    """Write down again who has which key on the roster, and which names there are.

    Passwords of labs that are gone go too.
    """
    edge_home.prepare()
    with locked(edge_home.home()):
        keys = dict(_roster_keys())
        known = {record.lab for record in _records()} | set(_sandboxes())
        for path in Path(edge_home.places().passwords).iterdir():
            if path.name not in known:
                shutil.rmtree(path, ignore_errors=True)
        for record in _records():
            _write_roster_key(record.lab, keys.get(record.lab, ""))
        _write_users(_records())


def _write_roster_key(lab: str, key: str) -> None:
    text = f"{key}\n" if key else ""
    write_atomically(_directory(lab) / "authorized_keys", text.encode(), 0o600)


def _roster_keys() -> Iterator[tuple[str, str]]:
    """The public key of each sandbox's student, type and base64, where the roster has one."""
    from labctl.classes import registry

    for group in registry.everything():
        for place in group.active:
            if place.student.key:
                yield group.sandbox(place.id), " ".join(place.student.key.split()[:2])


def _sandboxes() -> Iterator[str]:
    from labctl.classes import registry

    for group in registry.everything():
        yield from (group.sandbox(place.id) for place in group.active)


def one_time_password(group: str, student: str, lasting: int = WEEK) -> str:
    """A new password that opens a student's sandbox once, from the bastion's port.

    It is 16 letters and digits of 32 (80 random bits), in groups of four. Only a salt, the
    SHA-256 of both and its end after ``lasting`` seconds are kept; whoever logs in with it removes
    that. An earlier one opens nothing any more. ``group`` is "" for a lab that is no sandbox, whose
    name ``student`` is.
    """
    lab = f"{group}-{student}" if group else student
    edge_home.prepare()
    password = "".join(secrets.choice(_LETTERS) for _ in range(16))
    salt = secrets.token_hex(16)
    digest = hashlib.sha256((salt + password).encode()).hexdigest()
    line = f"{salt} {digest} {int(time.time()) + lasting}\n"
    directory = _passwords(lab)
    with locked(edge_home.home()):
        directory.mkdir(mode=0o700, exist_ok=True)
        for before in directory.iterdir():
            before.unlink(missing_ok=True)
        write_atomically(directory / secrets.token_hex(8), line.encode(), 0o600)
    return "-".join(password[at : at + 4] for at in range(0, 16, 4))


def logins(lab: str) -> tuple[str, ...]:
    """The names by which one logs in to a lab's machines at the bastion, the shortest first."""
    return tuple(name for name, record, machine in _names(_records()) if record.lab == lab)


def _names(records: Iterable[SeatRecord]) -> Iterator[tuple[str, SeatRecord, str]]:
    """Every user name with the machine that it leads to.

    A seat's id where no other has it, ``<id>.<class>``, and the sandbox's own name; ``+machine``
    after each names another machine than the first.
    """
    found = tuple(records)
    ids = Counter(record.id for record in found if record.id)
    labs = {record.lab for record in found}
    for record in sorted(found, key=lambda one: one.lab):
        short = [record.id] if ids[record.id] == 1 and record.id not in labs else []
        full = [f"{record.id}.{record.group}"] if record.id else []
        for name in (*short, *full, record.lab):
            yield name, record, record.machines[0]
            for machine in record.machines:
                yield f"{name}+{machine}", record, machine


def _write_users(records: Iterable[SeatRecord]) -> None:
    """passwd(5) and group(5): the fifth field says the lab and the machine."""
    users = Path(edge_home.places().users)
    lines = (
        f"{name}:x:{record.uid}:{_GID}:{record.lab} {machine}:/:/bin/sh\n"
        for name, record, machine in _names(records)
    )
    for name, text in (("passwd", "".join(lines)), ("group", f"{GROUP}:x:{_GID}:\n")):
        write_atomically(users / name, text.encode(), 0o644)
        (users / name).chmod(0o644)  # the owner's umask must not matter


def _records() -> tuple[SeatRecord, ...]:
    found = []
    for path in sorted(Path(edge_home.places().seats).glob(f"*/{_RECORD}")):
        try:
            data = json.loads(path.read_bytes())
            found.append(SeatRecord(**{**data, "machines": tuple(data["machines"])}))
        except (OSError, ValueError, KeyError, TypeError):
            continue  # of a lab that is being taken down; its next `up` writes it again
    return tuple(found)


def _free(records: Iterable[SeatRecord]) -> int:
    taken = {record.uid for record in records}
    uid = _FIRST_UID
    while uid in taken:
        uid += 1
    return uid


def _directory(lab: str) -> Path:
    return Path(edge_home.places().seats) / lab


def _passwords(lab: str) -> Path:
    return Path(edge_home.places().passwords) / lab
