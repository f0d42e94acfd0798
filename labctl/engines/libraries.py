"""Libraries that applications pin, fetched on the host: an image is built without a network.

They are kept below the data directory by the hash of what pins them, so each set is fetched once.
The registries' own clients fetch, verify the hashes, and run nothing of what they have fetched.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from labctl.errors import LabctlError
from labctl.keep import data_home
from labctl.model import Libraries
from labctl.spec.problems import printable

HOME = ".libraries"  # no lab can be called so
PYTHON = "3.13"  # of Debian 13, whose machines will run what is fetched here
GLIBC = ("2014", "_2_17", "_2_28", "_2_34")  # of the platforms that it satisfies (PEP 600)


class FetchFailed(LabctlError):
    """Libraries that could not be fetched."""


def files(wanted: Iterable[Libraries]) -> dict[str, bytes]:
    """All files of these libraries by their path in an image, without the leading slash.

    FetchFailed where they are not here yet and cannot be fetched.
    """
    found = {}
    for one in sorted(wanted, key=lambda libraries: libraries.path):
        home = fetched(one)
        for path in sorted(path for path in home.rglob("*") if path.is_file()):
            found[f"{one.path.lstrip('/')}/{path.relative_to(home)}"] = path.read_bytes()
    return found


def fetched(wanted: Libraries) -> Path:
    """The directory on this host with the libraries, which appears when it is whole."""
    home = data_home() / HOME / digest(wanted)
    if home.is_dir():
        return home
    home.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".") as place:
        pins, new = Path(place, "pins"), Path(place, "new")
        pins.mkdir()
        for name, content in wanted.files:
            (pins / name).write_bytes(content)
        _TOOLS[wanted.tool](pins, new, wanted)
        try:
            new.rename(home)
        except OSError:  # another labctl was faster
            if not home.is_dir():
                raise
    return home


def digest(wanted: Libraries) -> str:
    """What a set is kept by: its pins, and the machine that it is for."""
    pins = {name: hashlib.sha256(content).hexdigest() for name, content in wanted.files}
    text = json.dumps([wanted.tool, PYTHON, platform.machine(), pins], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _pip(pins: Path, new: Path, wanted: Libraries) -> None:
    """Wheels only, and only those whose hashes are in the file (pip's hash-checking mode)."""
    machine = platform.machine()
    _run(
        # -P: a file that pins libraries and is called as a module of Python's is none
        [sys.executable, "-P", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-deps", "--no-compile", "--require-hashes", "--only-binary=:all:",
         f"--python-version={PYTHON}", "--implementation=cp",
         *(f"--platform=manylinux{glibc}_{machine}" for glibc in GLIBC),
         f"--target={new}", "--requirement", wanted.files[0][0]],
        pins,
    )  # fmt: skip
    shutil.rmtree(new / "bin", ignore_errors=True)  # they name this host's Python


def _npm(pins: Path, new: Path, wanted: Libraries) -> None:
    """What the lock file says, verified by its hashes; no script of a package is run."""
    _run(["npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], pins)
    shutil.rmtree(pins / "node_modules" / ".bin", ignore_errors=True)
    new.mkdir()
    (pins / "node_modules").rename(new / "node_modules")


_TOOLS = {"pip": _pip, "npm": _npm}


def _run(command: list[str], folder: Path) -> None:
    tool = "npm" if command[0] == "npm" else "pip"
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "PIP_NO_INPUT": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except FileNotFoundError:
        raise FetchFailed(f"there is no `{tool}` on this host", f"install {tool}") from None
    if done.returncode:
        raise _failure(tool, done.stderr)


# what pip says of a file before the hashes that it expected, and the one that it got
_OTHERS = re.compile(r"^ +(?P<library>\S+==\S+) from .*\n +Expected ", re.MULTILINE)


def _failure(tool: str, said: str) -> FetchFailed:
    """What the client has refused, or why it could not ask."""
    if others := [found["library"] for found in _OTHERS.finditer(said)]:
        return FetchFailed(
            f"{tool} cannot fetch an application's libraries: what the registry has as "
            f"{', '.join(others)} has none of the hashes that are pinned",
            "the hashes are of another version or have been changed, or the library has",
        )
    return FetchFailed(
        f"{tool} cannot fetch an application's libraries: {_reason(said)}",
        "the registry has to answer once; what was fetched is kept",
    )


def _reason(said: str) -> str:
    """The telling lines of pip or npm, in one. Registries have their say in them."""
    lines = [printable(line.strip()) for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if line.lower().startswith(("error", "npm err", "npm error"))]
    return " ".join(telling[:3] or lines[-1:]) or "it says nothing"
