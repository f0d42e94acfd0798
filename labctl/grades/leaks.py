"""One student's secrets in another's work: found in what checks have seen. For teachers only.

Tokens and passwords are derived for each student (``labctl.keep.derived``), so a value that
somebody else's machine shows has been handed on. What is told names the secret, never its value.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from labctl.checks.expect import visible
from labctl.checks.runner import Result
from labctl.keep.files import explained

FOLDER = "leaks"
_MAX_BYTES = 2**20
_WORDS = re.compile(r"[0-9a-z]+")  # what the values are made of


@dataclass(frozen=True, slots=True, order=True)
class Leak:
    """A secret of ``owner`` in what ``holder`` has shown to a check."""

    holder: str
    owner: str
    secret: str
    exercise: str
    check: str

    def __str__(self) -> str:
        return f"has {self.owner}'s {self.secret}"


class Known:
    """The secrets of a class: of each student, name → value."""

    def __init__(self, students: Mapping[str, Mapping[str, str]]) -> None:
        self.owners: dict[str, list[tuple[str, str]]] = {}
        for student, values in students.items():
            for name, value in values.items():
                self.owners.setdefault(value.lower(), []).append((student, name))
        self.lengths = sorted({len(value) for value in self.owners if value})

    def found(self, holder: str, results: Iterable[Result]) -> tuple[Leak, ...]:
        """What others' secrets are in what a student's machines have shown."""
        leaks = {
            Leak(holder, owner, name, result.check.exercise, visible(result.check.name)): None
            for result in results
            for owner, name in self.within(_texts(result.seen))
            if owner != holder
        }
        return tuple(sorted(leaks))

    def within(self, texts: Iterable[str]) -> set[tuple[str, str]]:
        """The owners and names of all secrets that are anywhere in some texts."""
        return {
            owner
            for text in texts
            for word in _WORDS.findall(text.lower())
            for length in self.lengths
            for at in range(len(word) - length + 1)
            for owner in self.owners.get(word[at : at + length], ())
        }


def _texts(seen: Any) -> Iterator[str]:
    """Every text in what a check has seen."""
    if isinstance(seen, str):
        yield seen
    elif isinstance(seen, Mapping):
        for key, value in seen.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(seen, list | tuple):
        for value in seen:
            yield from _texts(value)


def save(leaks: Iterable[Leak], home: Path, run: str) -> None:
    """Keep what a run has found below a class's folder; LabctlError where that cannot be done."""
    found = [asdict(leak) for leak in leaks]
    if not found:
        return
    folder = home / FOLDER
    with explained(folder):
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        path = folder / f"{run}-{secrets.token_hex(4)}.json"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with open(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            json.dump(found, file, ensure_ascii=False, indent=1)


def kept(home: Path) -> tuple[Leak, ...]:
    """All that was ever found, each once; a damaged file is left out."""
    found: set[Leak] = set()
    for path in (home / FOLDER).glob("*.json"):
        with suppress(OSError, ValueError, TypeError, RecursionError):
            if path.stat().st_size <= _MAX_BYTES:
                found |= {Leak(**one) for one in json.loads(path.read_bytes())}
    return tuple(sorted(found))
