"""The files of a service, read from beside the lab file and never from elsewhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from labctl.spec.problems import shown

MAX_BYTES = 64 * 2**20
MAX_FILES = 5_000
_LEFT_OUT = {
    ".DS_Store",
    ".git",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    ".venv",
    "__pycache__",
    "node_modules",
}


class ContentError(Exception):
    """Content that cannot be used: the message says which file and why."""


def read_folder(base: Path, relative: str) -> dict[str, bytes]:
    """All files below ``base/relative`` by relative path, in the order of their names.

    ContentError where the folder is missing or too large, or where a link or a special file
    is in it: what a lab serves lies in the lab's folder.
    """
    folder = base / relative
    _no_links(base, relative)
    if not folder.is_dir():
        raise ContentError(
            f"'{shown(relative)}' is a file, and a folder is expected"
            if folder.exists()
            else f"there is no folder '{shown(relative)}' beside the lab file"
        )
    found: dict[str, bytes] = {}
    total = 0
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        if not name.isprintable():
            raise ContentError(f"the file name '{shown(name)}' has a control character")
        content = _read(path, f"{relative}/{name}")
        total += len(content)
        if total > MAX_BYTES or len(found) >= MAX_FILES:
            raise ContentError(
                f"the folder '{shown(relative)}' has more than {MAX_BYTES // 2**20} MiB "
                f"or {MAX_FILES} files"
            )
        found[name] = content
    return dict(sorted(found.items()))


def read_file(base: Path, relative: str) -> bytes:
    """One file below ``base``; ContentError where it is missing, a link or too large."""
    _no_links(base, relative)
    return _read(base / relative, relative)


def _no_links(base: Path, relative: str) -> None:
    path = base
    for part in Path(relative).parts:
        path = path / part
        if path.is_symlink():
            raise ContentError(
                f"'{shown(relative)}' passes through a link, which could lead anywhere"
            )


def _walk(folder: Path) -> Iterator[Path]:
    for directory, directories, files in os.walk(folder):
        directories[:] = sorted(d for d in directories if d not in _LEFT_OUT)
        for name in sorted(directories):
            if Path(directory, name).is_symlink():
                raise ContentError(f"'{shown(name)}' is a link, which could lead anywhere")
        for name in sorted(files):
            if name not in _LEFT_OUT and not name.endswith((".pyc", "~", ".swp")):
                yield Path(directory, name)


def _read(path: Path, shown_as: str) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise ContentError(f"there is no file '{shown(shown_as)}' beside the lab file") from None
    except OSError as error:
        what = "is a link, which could lead anywhere" if path.is_symlink() else str(error.strerror)
        raise ContentError(f"'{shown(shown_as)}' {what}") from None
    with open(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise ContentError(f"'{shown(shown_as)}' is no regular file")
        if status.st_size > MAX_BYTES:
            raise ContentError(f"'{shown(shown_as)}' has more than {MAX_BYTES // 2**20} MiB")
        return file.read()
