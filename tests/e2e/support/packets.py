"""``labctl capture``, while something happens."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.support.lab import OwnLab


@contextmanager
def capturing(lab: OwnLab, *words: str, stop: int = signal.SIGINT) -> Iterator[None]:
    """A capture that goes on meanwhile, and is ended by a signal."""
    command = lab.home.command("capture", lab.name, *words)
    process = subprocess.Popen(
        command, env=lab.home.environment, cwd=lab.home.directory, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        wait_for(process)
        yield
        process.send_signal(stop)
        _, said = process.communicate(timeout=40)
        assert process.returncode == 0, said
        assert "captured" in said
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def wait_for(process: subprocess.Popen[str]) -> None:
    """Until a capture listens. The image with tcpdump may be built first."""
    assert process.stderr is not None
    said = ""
    while "capturing" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
