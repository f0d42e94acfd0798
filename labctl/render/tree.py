"""The tree: what rendering yields, as bytes, before anything touches a disk."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass

MANIFEST = "/etc/labctl/manifest"


@dataclass(frozen=True, slots=True)
class Entry:
    """One rendered file: its bytes, mode, owner, and what a person edits to change it."""

    content: bytes
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    source: str = ""

    @property
    def digest(self) -> str:
        """The content's SHA-256 in hex."""
        return hashlib.sha256(self.content).hexdigest()


Files = Mapping[str, Entry]


@dataclass(frozen=True, slots=True)
class Tree:
    """All rendered files by machine and absolute path, and the Compose file over them."""

    machines: Mapping[str, Files]
    compose: bytes


def manifest(files: Files) -> bytes:
    """One line a file: SHA-256, mode, owner, group, path."""
    return "".join(f"{line}\n" for line in manifest_lines(files).values()).encode()


def manifest_lines(files: Files) -> dict[str, str]:
    """The manifest's lines by path, in the order of the paths."""
    return {
        path: f"{entry.digest} {entry.mode:04o} {entry.owner} {entry.group} {path}"
        for path, entry in sorted(files.items())
    }


def generation(files: Files) -> str:
    """The name of a machine's tree: the same for the same files, another for any other."""
    return hashlib.sha256(manifest(files)).hexdigest()[:16]


def archive(files: Files) -> bytes:
    """A machine's files and their manifest as one tar archive, the same bytes every time."""
    buffer = io.BytesIO()
    complete = {**files, MANIFEST: Entry(manifest(files))}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for directory in sorted({parent for path in complete for parent in _parents(path)}):
            info = tarfile.TarInfo(directory.lstrip("/"))
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            info.uname = info.gname = "root"
            tar.addfile(info)
        for path, entry in sorted(complete.items()):
            info = tarfile.TarInfo(path.lstrip("/"))
            info.size, info.mode = len(entry.content), entry.mode
            info.uname, info.gname = entry.owner, entry.group
            tar.addfile(info, io.BytesIO(entry.content))
    return buffer.getvalue()


def _parents(path: str) -> list[str]:
    parts = path.strip("/").split("/")[:-1]
    return ["/" + "/".join(parts[: n + 1]) for n in range(len(parts))]
