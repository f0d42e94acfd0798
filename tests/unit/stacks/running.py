"""A server program of a stack, run as it is run in the lab."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STACKS = Path(__file__).parents[3] / "stacks"


@contextmanager
def running(program: str, **environment: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """The program on a free port, once it takes connections."""
    file = STACKS / program
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, file.name], cwd=file.parent,
        env={**os.environ, "PORT": str(port), "HOST": "127.0.0.1", **environment,
             "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        assert process.poll() is None, f"{program} ended"
        yield port, process
    finally:
        process.kill()
        process.wait()
