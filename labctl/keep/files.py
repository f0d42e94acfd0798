"""The kept files of one lab: sealed JSON, written as a whole or not at all.

A file is replaced by rename after its content has reached the disk, so whoever kills or
unplugs labctl leaves the old file or the new one. Its first line carries a digest of the rest:
a damaged file is refused, never guessed at.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from labctl.errors import LabctlError

AUTHORITY = "authority.json"
LEAVES = "leaves.json"
KEYS = "keys.json"
SECRET = "secret.json"  # noqa: S105 (a file's name)
REVOKED = "revoked.json"
SERIAL = "serial.json"
BOOK = "provider.json"  # there only where something was ordered
CLASS = "class.json"  # of a class, in a folder of its own
LOCK = ".lock"
FORMAT = b'{"format": 1, "sha256": "'
DATA = b'",\n"data": '
END = b"}\n"

# What is lost, and how to go on, when a file has to be given up.
WITHOUT: Mapping[str, str] = {
    AUTHORITY: "restore it from a backup; without one, `labctl down --purge {lab}` and "
    "`labctl up {lab}` make a new root, which browsers must be told to trust again",
    LEAVES: "remove this file: `labctl up {lab}` makes new certificates under the same root",
    KEYS: "restore it from a backup or remove it: `labctl up {lab}` makes new keys "
    "for DNSSEC, DKIM and SSH",
    SECRET: "restore it from a backup or remove it: `labctl up {lab}` makes new passwords",
    REVOKED: "restore it from a backup or remove it: what was revoked is valid again, "
    "and `labctl up {lab}` makes new lists",
    SERIAL: "remove this file: `labctl up {lab}` takes the time as the zones' serial",
}
WITHOUT_CLASS = (
    "restore it from a backup; without one the class is lost, and `labctl gc` finds what is left"
)
WITHOUT_BOOK = "restore it from a backup or remove it: what `labctl vps` was told is forgotten"


class Files:
    """The kept files below one directory; with ``write`` false nothing is ever created."""

    def __init__(self, directory: Path, write: bool) -> None:
        self.directory = directory
        self.write = write

    def read(self, name: str) -> Any:
        """What was saved under ``name``, None where nothing was; LabctlError where damaged."""
        path = self.directory / name
        with explained(path):
            try:
                sealed = path.read_bytes()
            except FileNotFoundError:
                return None
        return _unseal(sealed, path)

    def save(self, name: str, data: Any) -> None:
        """Keep ``data`` under ``name`` over a crash; does nothing where ``write`` is false."""
        if self.write:
            path = self.directory / name
            with explained(path):
                _replace(path, _seal(data))


@contextmanager
def opened(directory: Path, write: bool) -> Iterator[Files]:
    """The files of ``directory``: to read, or to write by one labctl at a time."""
    if not write:
        yield Files(directory, write=False)
        return
    with locked(directory):
        yield Files(directory, write=True)


@contextmanager
def locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock, waiting for another labctl; makes the directory."""
    with explained(directory):
        descriptor = _lock(directory)
    try:
        yield
    finally:
        os.close(descriptor)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an error of the file system into one for users."""
    try:
        yield
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LabctlError(
            f"{error.filename or path}: {reason}",
            "labctl keeps keys there: it must belong to you, and its disk must have room",
        ) from error


def remove(directory: Path) -> tuple[str, ...]:
    """Remove every kept file, and the directory where nothing of others is in it.

    Returns the names of what was there.
    """
    if not directory.is_dir():
        return ()
    with locked(directory), explained(directory):
        known = (BOOK, SERIAL, REVOKED, LEAVES, KEYS, SECRET, AUTHORITY)
        gone = [name for name in known if _unlink(directory / name)]
        for name in known:
            _unlink(_temporary(directory / name))
        _unlink(directory / LOCK)
        _rmdir(directory)
    return tuple(gone)


def _lock(directory: Path) -> int:
    path = directory / LOCK
    while True:
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            directory.mkdir(mode=0o700)
        try:
            if directory.stat().st_mode & 0o077:
                directory.chmod(0o700)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            continue  # a purge took the directory away in between
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if _is(descriptor, path):
            return descriptor
        os.close(descriptor)  # a purge took the file away while we waited for it


def _is(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _unlink(path: Path) -> bool:
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _rmdir(directory: Path) -> None:
    try:
        directory.rmdir()
    except OSError as error:
        # Somebody's own file, or another labctl that has begun to use the directory.
        if error.errno not in (errno.ENOTEMPTY, errno.ENOENT):
            raise


def _temporary(path: Path) -> Path:
    # One name is enough: the lock is held, and what a killed run left is overwritten.
    return path.with_name(f".{path.name}.new")


def _replace(path: Path, content: bytes) -> None:
    temporary = _temporary(path)
    _unlink(temporary)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _seal(data: Any) -> bytes:
    content = json.dumps(data).encode()
    return FORMAT + hashlib.sha256(content).hexdigest().encode() + DATA + content + END


def _unseal(sealed: bytes, path: Path) -> Any:
    head = len(FORMAT)
    digest, rest = sealed[head : head + 64], sealed[head + 64 :]
    content = rest[len(DATA) : -len(END)]
    whole = sealed.startswith(FORMAT) and rest.startswith(DATA) and rest.endswith(END)
    if not whole or hashlib.sha256(content).hexdigest().encode() != digest:
        hints = {**WITHOUT, CLASS: WITHOUT_CLASS}
        hint = hints.get(path.name, WITHOUT_BOOK).format(lab=path.parent.name)
        raise LabctlError(f"{path}: the file is damaged, cut off or changed by hand", hint)
    return json.loads(content)
