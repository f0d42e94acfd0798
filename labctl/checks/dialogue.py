"""A program that is asked several times: a line in, some lines out, each time within its limits."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO

from labctl.checks.bounded import Ran

_CHUNK = 1 << 16
_ERRORS = 2**20  # bytes of errors that nobody wants to see, until whoever prints them is stopped
Feed = Callable[[bytes], bool]  # told what came; whether that was all


class Dialogue:
    """One running program. It is started by the first question, and again where it has ended."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> None:
        self.command = command
        self.environment = environment
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def fresh(self) -> bool:
        """Whether the next question is the first one that the program hears."""
        return self.process is None

    def ask(self, work: bytes, feed: Feed, seconds: float, limit: int) -> Ran:
        """Tell it ``work``, and ``feed`` what it says until that is all.

        ``ended`` says why it never was: it said more than ``limit`` bytes, or took too long; it
        is stopped then. ``status`` and ``err`` are there where it has ended by itself. OSError
        where it cannot be started.
        """
        self.process = self.process or subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment,
        )
        exchange = _Exchange(self.process, work, feed, limit)
        ended = exchange.run(time.monotonic() + seconds)
        if not ended:
            return Ran(0, b"", b"")
        status = self.close()
        if ended == "end":
            return Ran(status, b"", bytes(exchange.errors))
        return Ran(None, b"", bytes(exchange.errors), ended)

    def close(self) -> int | None:
        """Stop it; its status, where it has ended by itself."""
        process, self.process = self.process, None
        if process is None:
            return None
        with process:
            try:
                if process.stdin:
                    process.stdin.close()
                return process.wait(1)
            except (subprocess.TimeoutExpired, BrokenPipeError):
                return None
            finally:
                process.kill()


class _Exchange:
    """One question and what is said to it, by pipes of which none may block."""

    def __init__(
        self, process: subprocess.Popen[bytes], work: bytes, feed: Feed, limit: int
    ) -> None:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        self.stdin: IO[bytes] = process.stdin
        self.stdout: IO[bytes] = process.stdout
        self.stderr: IO[bytes] = process.stderr
        self.work = memoryview(work)
        self.feed = feed
        self.limit = limit
        self.said = 0
        self.errors = bytearray()

    def run(self, deadline: float) -> str:
        """Until all has been said: "", else why it never will be; "end" for its own end."""
        begin = time.monotonic()
        with selectors.DefaultSelector() as selector:
            for pipe in (self.stdin, self.stdout, self.stderr):
                os.set_blocking(pipe.fileno(), False)
                writes = pipe is self.stdin
                selector.register(pipe, selectors.EVENT_WRITE if writes else selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0:
                for key, _ in selector.select(left):
                    if key.fileobj is self.stdout:
                        if (ended := self.heard(os.read(key.fd, _CHUNK))) is not None:
                            return ended
                    elif not (self.write() if key.fileobj is self.stdin else self.complain(key.fd)):
                        selector.unregister(key.fileobj)
                if len(self.errors) > _ERRORS:
                    return f"more than {_ERRORS // 1024} KiB of errors"
        return f"no end within {deadline - begin:.0f} s"

    def heard(self, data: bytes) -> str | None:
        """What its output means for the end of it all; None where it goes on."""
        self.said += len(data)
        if not data:
            return "end"
        if self.feed(data):
            return ""
        return f"more than {self.limit // 1024} KiB of output" if self.said > self.limit else None

    def complain(self, descriptor: int) -> bool:
        """Read its errors; False at their end."""
        data = os.read(descriptor, _CHUNK)
        self.errors += data
        return bool(data)

    def write(self) -> bool:
        """Write what can be written; False when all is."""
        try:
            self.work = self.work[os.write(self.stdin.fileno(), self.work[:_CHUNK]) :]
        except BrokenPipeError:
            self.work = self.work[:0]
        return bool(self.work)
