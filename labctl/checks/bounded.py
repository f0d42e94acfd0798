"""Running a program that may print without end, or never end: so much of it, for so long.

Used on the host, and shipped to machines: standard library only.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

KEPT = 64 * 1024  # bytes of an answer that are looked at
_CHUNK = 1 << 16
_DROPPED = 2**20  # bytes of errors that nobody wants to see, until whoever prints them is stopped


@dataclass(frozen=True)
class Ran:
    """What a program printed. ``status`` is None where it was stopped, ``ended`` says why."""

    status: int | None
    out: bytes
    err: bytes
    ended: str = ""

    @property
    def last_words(self) -> str:
        """The last line of its errors."""
        lines = self.err.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""


def run(
    command: Sequence[str],
    seconds: float,
    work: bytes = b"",
    limit: int = KEPT,
    together: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Ran:
    """Run a program with ``work`` on its standard input; stop it after ``seconds``.

    Of its output the first ``limit`` bytes are kept; whoever prints more is stopped. With
    ``together`` its errors are part of its output. ``environment`` replaces this process's own.
    OSError where it cannot be started.
    """
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if together else subprocess.PIPE,
        env=environment,
    )
    with process:
        try:
            out, err, ended = _Pipes(process, work, limit).read(time.monotonic() + seconds)
        finally:
            process.kill()  # nothing where it has ended
    if ended == "time":
        ended = f"no end within {seconds:g} s"
    return Ran(None if ended else process.returncode, out, err, ended)


class _Pipes:
    """The pipes to a program, none of which may block."""

    def __init__(self, process: subprocess.Popen[bytes], work: bytes, limit: int) -> None:
        self.process = process
        self.work = memoryview(work)
        self.limit = limit
        pipes = (process.stdout, process.stderr)
        self.kept: dict[Any, bytearray] = {pipe: bytearray() for pipe in pipes if pipe}
        self.dropped = 0
        self.full = False

    def read(self, deadline: float) -> tuple[bytes, bytes, str]:
        """Until the end, the limit or the deadline: output, errors, and which of them it was."""
        with selectors.DefaultSelector() as selector:
            assert self.process.stdin
            for pipe in (*self.kept, self.process.stdin):
                os.set_blocking(pipe.fileno(), False)
            for pipe in self.kept:
                selector.register(pipe, selectors.EVENT_READ)
            selector.register(self.process.stdin, selectors.EVENT_WRITE)
            ended = self._exchange(selector, deadline)
        return (*self._texts(), ended)

    def _exchange(self, selector: selectors.BaseSelector, deadline: float) -> str:
        while any(key.events == selectors.EVENT_READ for key in selector.get_map().values()):
            left = deadline - time.monotonic()
            if left <= 0:
                return "time"
            for key, _ in selector.select(left):
                if not self._moved(key):
                    selector.unregister(key.fileobj)
            if self.full:
                return f"more than {self.limit // 1024} KiB of output"
        return self._waited(deadline)

    def _waited(self, deadline: float) -> str:
        """A program may close its output and go on."""
        try:
            self.process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return "time"
        return ""

    def _moved(self, key: selectors.SelectorKey) -> bool:
        """Move what can be moved without waiting; False at the end of a pipe."""
        if key.events == selectors.EVENT_WRITE:
            return self._written()
        data = os.read(key.fd, _CHUNK)
        kept = self.kept[key.fileobj]
        room = self.limit - len(kept)
        kept += data[:room]
        over = max(0, len(data) - room)
        self.dropped += over
        self.full |= self.dropped > _DROPPED or (over > 0 and key.fileobj is self.process.stdout)
        return bool(data)

    def _written(self) -> bool:
        assert self.process.stdin
        try:
            self.work = self.work[os.write(self.process.stdin.fileno(), self.work[:_CHUNK]) :]
        except BrokenPipeError:
            self.work = self.work[:0]
        if not self.work:
            self.process.stdin.close()
        return bool(self.work)

    def _texts(self) -> tuple[bytes, bytes]:
        nothing = bytearray()
        out, errors = self.process.stdout, self.process.stderr
        return bytes(self.kept.get(out, nothing)), bytes(self.kept.get(errors, nothing))
