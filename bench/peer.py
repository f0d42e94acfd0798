"""Kathará in an environment of its own, so that it is no dependency of labctl's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from bench.workspace import Workspace

HERE = Path(__file__).parent


class Unavailable(Exception):
    """Kathará cannot be installed, or does not run here."""


class Peer:
    """Kathará's library, which starts and removes machines from the same images."""

    def __init__(
        self, workspace: Workspace, images: Mapping[str, str], apart: bool = False
    ) -> None:
        """Install it; Unavailable with the reason where that fails.

        Machines that are ``apart`` have a network each.
        """
        self.words = ("apart",) if apart else ()
        self.python = workspace.folder / "kathara" / "bin" / "python"
        self.images = json.dumps(dict(images))
        if self.python.exists():
            return
        self._run(sys.executable, "-m", "venv", str(self.python.parent.parent))
        quiet = ("--quiet", "--disable-pip-version-check")
        requirements = str(HERE / "requirements.txt")
        self._run(str(self.python), "-m", "pip", "install", *quiet, "-r", requirements)

    def deploy(self) -> float:
        """Seconds from the library's first call until all machines run; then they are removed."""
        return float(self._run(str(self.python), *self._deploying()))

    def _deploying(self) -> tuple[str, ...]:
        return str(HERE / "peer_kathara.py"), self.images, *self.words

    def _run(self, *command: str) -> str:
        finished = subprocess.run(command, capture_output=True, text=True, check=False)
        if finished.returncode != 0:
            said = finished.stderr.strip().splitlines() or ["it failed without a word"]
            raise Unavailable(f"Kathará: {said[-1]}")
        return finished.stdout.strip().splitlines()[-1] if finished.stdout.strip() else ""
