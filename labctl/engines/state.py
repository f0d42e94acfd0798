"""A lab's state directory, ``.labctl/<lab>``: everything in it can be rendered again.

``compose.yaml``, ``machines/<machine>/`` mounted into each machine, and ``rendered/`` with the
same files to read. Only its owner can enter it: private keys are in the archives.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from labctl.render.tree import Entry, Files, Tree, archive, generation

_HELD = threading.local()  # the directories that a thread has locked, by descriptor


@dataclass(frozen=True, slots=True)
class State:
    """The directory of one lab."""

    directory: Path

    @property
    def compose_file(self) -> Path:
        """The Compose file."""
        return self.directory / "compose.yaml"

    def machine(self, name: str) -> Path:
        """The directory that a machine sees as /labctl."""
        return self.directory / "machines" / name

    def remove_machines(self) -> None:
        """Remove what the machines were given: there are others from now on."""
        shutil.rmtree(self.directory / "machines", ignore_errors=True)

    def prepare(self) -> None:
        """Make the directories, closed to others."""
        (self.directory / "machines").mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Work on the lab alone: another labctl that does waits here.

        Who has it already goes on: several steps can be one for all others.
        """
        held: dict[Path, int] = _HELD.__dict__.setdefault("directories", {})
        before = held.get(self.directory)
        if before is not None and self._is(before):
            yield
            return
        with self._locked() as descriptor:
            held[self.directory] = descriptor
            try:
                yield
            finally:
                held.pop(self.directory)
                if before is not None:  # of the directory that was there before
                    held[self.directory] = before

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int]:
        while True:
            self.prepare()
            descriptor = os.open(self.directory, os.O_RDONLY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
                if self._is(descriptor):
                    yield descriptor
                    return
            finally:
                os.close(descriptor)
                self._tidy()

    def _tidy(self) -> None:
        """Leave no empty directory behind, for example of a lab that could not be brought up."""
        with contextlib.suppress(OSError):
            for directory in (self.directory / "machines", self.directory, self.directory.parent):
                directory.rmdir()

    def _is(self, descriptor: int) -> bool:
        """Whether an open directory is still this one: a ``down`` may have removed it."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.directory.stat())
        except FileNotFoundError:
            return False

    def write_compose(self, content: bytes) -> None:
        """Put the Compose file in place."""
        write_atomically(self.compose_file, content)

    def write_machine(self, name: str, files: Files, prefix: str = "tree") -> None:
        """Put a machine's archive in place: ``tree`` for its next start, ``next`` for a change."""
        home = self.machine(name)
        home.mkdir(mode=0o755, parents=True, exist_ok=True)
        named = generation(files)
        marker = home / f"{prefix}.generation"
        if marker.exists() and marker.read_text() == named:
            return
        marker.unlink(missing_ok=True)
        write_atomically(home / f"{prefix}.tar", archive(files))
        write_atomically(marker, named.encode())

    def promote(self, name: str) -> None:
        """What a machine took as a change is what it starts from next time."""
        home = self.machine(name)
        (home / "tree.generation").unlink(missing_ok=True)
        os.replace(home / "next.tar", home / "tree.tar")
        os.replace(home / "next.generation", home / "tree.generation")
        (home / "change").unlink(missing_ok=True)

    def read_definitions(self, compose: bytes) -> Mapping[str, str] | None:
        """Definition hashes that were worked out before for this very Compose file."""
        try:
            known = json.loads((self.directory / "definitions.json").read_bytes())
        except (OSError, ValueError):
            return None
        if not isinstance(known, dict) or known.get("compose") != _digest(compose):
            return None
        return dict(known["definitions"])

    def write_definitions(self, compose: bytes, definitions: Mapping[str, str]) -> None:
        """Remember definition hashes."""
        text = json.dumps({"compose": _digest(compose), "definitions": dict(definitions)})
        write_atomically(self.directory / "definitions.json", text.encode())

    def remove(self) -> None:
        """Remove the directory, and ``.labctl`` itself when it was the last."""
        shutil.rmtree(self.directory, ignore_errors=True)
        with contextlib.suppress(OSError):
            self.directory.parent.rmdir()  # unless other labs are there


def write_rendered(tree: Tree, directory: Path) -> None:
    """Write a tree as plain files: ``<machine>/etc/…`` and ``compose.yaml``.

    What is there already and the same is left alone, what the tree does not have is removed.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = {
        f"{machine}{path}": entry
        for machine, files in tree.machines.items()
        for path, entry in files.items()
    }
    wanted["compose.yaml"] = Entry(tree.compose, 0o600)
    _remove_others(directory, wanted.keys())
    for name, entry in wanted.items():
        target = directory / name
        if not _holds(target, entry):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            with open(
                os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, entry.mode), "wb"
            ) as file:
                file.write(entry.content)


def _holds(path: Path, entry: Entry) -> bool:
    try:
        return path.read_bytes() == entry.content and path.stat().st_mode & 0o777 == entry.mode
    except OSError:
        return False


def _remove_others(directory: Path, wanted: Collection[str]) -> None:
    for folder, _, files in os.walk(directory, topdown=False):
        for name in files:
            path = Path(folder, name)
            if path.relative_to(directory).as_posix() not in wanted:
                path.unlink()
        if folder != str(directory):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()  # where it was the last file in it


def write_atomically(path: Path, content: bytes, mode: int | None = None) -> None:
    """Replace a file by rename, so that a reader sees the old or the new one, whole.

    Unless a mode is said, root's files are closed to all others. An ordinary user's are
    readable, because root in a container is then nobody special; the directory above is closed.
    The same content again touches nothing.
    """
    with contextlib.suppress(OSError):
        if path.read_bytes() == content:
            return
    mode = mode or (0o600 if os.geteuid() == 0 else 0o644)
    temporary = path.with_name(f".{path.name}.new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    os.replace(temporary, path)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
