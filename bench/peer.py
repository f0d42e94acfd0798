"""Kathará in an environment of its own, so that it is no dependency of labctl's."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bench.workspace import Workspace

HERE = Path(__file__).parent


class Unavailable(Exception):
    """Kathará cannot be installed, or does not run here."""


class Peer:
    """Kathará's library, which starts and removes machines from the same images."""

    def __init__(self, workspace: Workspace, images: Mapping[str, str]) -> None:
        """Install it; Unavailable with the reason where that fails."""
        self.python = workspace.folder / "kathara" / "bin" / "python"
        self.images = images
        if self.python.exists():
            return
        quiet = ("--quiet", "--disable-pip-version-check")
        requirements = str(HERE / "requirements.txt")
        _run(sys.executable, "-m", "venv", str(self.python.parent.parent))
        _run(str(self.python), "-m", "pip", "install", *quiet, "-r", requirements)

    def deploy(self) -> float:
        """Seconds from the library's first call until all machines run; then they are removed."""
        machines = {name: {"image": image} for name, image in self.images.items()}
        return self.deployed(machines, lambda: None)

    def deployed(self, machines: Mapping[str, Any], answer: Callable[[], object]) -> float:
        """The same for ``machines`` (peer_kathara.py), until ``answer`` has come back."""
        command = [str(self.python), str(HERE / "peer_kathara.py"), json.dumps(machines)]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            begun = process.stdout.readline()
            try:
                if begun:
                    answer()
                end = time.monotonic()
            finally:
                _, said = process.communicate("\n")
        if process.returncode != 0:
            raise Unavailable(f"Kathará: {(said.strip().splitlines() or ['it failed'])[-1]}")
        return end - float(begun)


def _run(*command: str) -> None:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        said = finished.stderr.strip().splitlines() or ["it failed without a word"]
        raise Unavailable(f"Kathará: {said[-1]}")
