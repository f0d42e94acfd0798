"""labctl as a user starts it, with a home of the tests' own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 900  # seconds: a bound for what hangs, not for what is slow


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended: its exit status and what it printed."""

    status: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Everything that it printed."""
        return self.out + self.err

    @property
    def json(self) -> Any:
        """Its standard output as JSON."""
        return json.loads(self.out)


def run(command: list[str], **more: Any) -> Ran:
    """Run a command to its end."""
    more.setdefault("timeout", PATIENCE)
    more.setdefault("stdin", None if "input" in more else subprocess.DEVNULL)
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", check=False, **more
    )
    return Ran(done.returncode, done.stdout, done.stderr)


@dataclass(frozen=True, slots=True)
class Home:
    """A directory with the state, the kept things and the labs of the tests."""

    directory: Path

    @property
    def state(self) -> Path:
        """The state directories of all labs, HOSTING_LABCTL_DIR."""
        return self.directory / "state"

    @property
    def data(self) -> Path:
        """What labs keep, HOSTING_LABCTL_DATA."""
        return self.directory / "data"

    @property
    def doors(self) -> Path:
        """Around the doors of labs behind an edge of the tests' own, HOSTING_LABCTL_DOORS."""
        memory = Path("/dev/shm")
        base = memory if memory.is_dir() else self.directory
        return base / f"labctl-{zlib.crc32(str(self.directory).encode()):08x}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a user with this home."""
        own = {
            "HOSTING_LABCTL_DIR": str(self.state),
            "HOSTING_LABCTL_DATA": str(self.data),
            "HOSTING_LABCTL_DOORS": str(self.doors),
            "HOME": str(self.directory),
            "PYTHONPATH": str(ROOT),
        }
        return {**os.environ, **own}

    def labctl(self, *words: str | Path) -> Ran:
        """Run ``labctl words``."""
        return run(self.command(*words), env=self.environment, cwd=self.directory)

    def begin(self, *words: str | Path) -> subprocess.Popen[bytes]:
        """Start ``labctl words`` in a process group of its own, and do not wait."""
        return subprocess.Popen(
            self.command(*words),
            env=self.environment,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @staticmethod
    def command(*words: str | Path) -> list[str]:
        """The command line of ``labctl words``."""
        return [sys.executable, "-m", "labctl", *map(str, words)]
