"""Asks a machine's questions, on the machine: each in a process of its own, within its time.

It is sent as it is, so it needs the standard library only. From its standard input it reads
lines, each with questions and the sources of clients that are new; each answer is a line of its
output: the question's token and the answer in JSON.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import selectors
import signal
import sys
import time
import types
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

AT_ONCE = 16
KEPT = 64 * 1024  # characters of text in an answer
ANSWER = 512 * 1024  # bytes of an answer: a character may take six
MEMORY = 256 * 2**20
DEPTH = 20


def main() -> None:
    """Everything that the standard input asks for: a line of questions, then perhaps another."""
    gc.disable()
    for line in sys.stdin.buffer:
        work = json.loads(line)
        install(work["modules"])
        for name in work["preload"]:
            with contextlib.suppress(ImportError):
                importlib.import_module(name)  # once, for all processes
        gc.freeze()  # or each process would copy what the collector marks
        Round(work["jobs"], sys.stdout.buffer).ask()


def install(sources: Mapping[str, str]) -> None:
    """Make modules of their sources, under the names that they have in labctl."""
    for package in ("labctl", "labctl.checks"):
        module = sys.modules.setdefault(package, types.ModuleType(package))
        module.__path__ = []
    for name, source in sources.items():
        full = f"labctl.checks.{name}"
        sys.modules[full] = module = types.ModuleType(full)
        exec(compile(source, full, "exec"), module.__dict__)  # noqa: S102 (labctl sent it)


class Child:
    """A process with one question, and what it has answered so far."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self.job = job
        self.answer = b""
        self.deadline = time.monotonic() + job["seconds"]
        self.pipe, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _answer(job, write)
        os.close(write)

    def end(self) -> None:
        """Stop it, and everything that it has started."""
        for kill in (os.killpg, os.kill):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.pipe)


class Round:
    """Some questions, of which a few are asked at a time."""

    def __init__(self, jobs: list[Mapping[str, Any]], output: BinaryIO) -> None:
        self.waiting = jobs[::-1]
        self.output = output
        self.selector = selectors.DefaultSelector()

    def ask(self) -> None:
        """Ask all; write each answer when it is there."""
        while self.waiting or self.selector.get_map():
            while self.waiting and len(self.selector.get_map()) < AT_ONCE:
                child = Child(self.waiting.pop())
                self.selector.register(child.pipe, selectors.EVENT_READ, child)
            for child in list(self.finished()):
                self.selector.unregister(child.pipe)
                child.end()
                self.write(child.job["token"], child.answer)

    def finished(self) -> Iterator[Child]:
        """Children that have answered, or have no time left."""
        children = [key.data for key in self.selector.get_map().values()]
        next_deadline = min(child.deadline for child in children)
        for key, _ in self.selector.select(max(0.0, next_deadline - time.monotonic())):
            data = os.read(key.fd, 1 << 16)
            key.data.answer += data
            if len(key.data.answer) > ANSWER:
                key.data.answer = _error("the answer is too long")
                data = b""
            if not data:
                children.remove(key.data)
                yield key.data
        for child in children:
            if time.monotonic() >= child.deadline:
                child.answer = _error(f"no answer within {child.job['seconds']:g} s")
                yield child

    def write(self, token: str, answer: bytes) -> None:
        """One line of the output."""
        answer = answer or _error("the client ended without an answer")
        self.output.write(token.encode() + b" " + answer + b"\n")
        self.output.flush()


def _answer(job: Mapping[str, Any], pipe: int) -> None:
    """Be the process of one question. Does not return."""
    try:
        os.setpgid(0, 0)
        nothing = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(nothing, standard)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        answer = json.dumps(kept(_asked(job)), ensure_ascii=False).encode(errors="replace")
        with open(pipe, "wb") as answers:
            answers.write(answer)
    finally:
        os._exit(0)


def _asked(job: Mapping[str, Any]) -> dict[str, Any]:
    """What the client sees, or why it sees nothing."""
    begin = time.monotonic()
    try:
        client = sys.modules[f"labctl.checks.{job['client']}"]
        seen: dict[str, Any] = client.ask(job["ask"])
    except FileNotFoundError as error:
        return {"error": f"there is no {error.filename or 'such program'} on this machine"}
    except Exception as error:  # noqa: BLE001 (what breaks a client is an answer)
        return {"error": f"{type(error).__name__}: {error}"}
    return {"milliseconds": round((time.monotonic() - begin) * 1000), **seen}


def kept(value: Any, room: list[int] | None = None, depth: int = DEPTH) -> Any:
    """An answer with so much text as is looked at, KEPT characters in all."""
    room = [KEPT] if room is None else room
    if isinstance(value, str):
        value = value[: max(0, room[0])]
        room[0] -= len(value) + 1
        return value
    if isinstance(value, dict) and depth:
        pairs = ((kept(str(key), room), item) for key, item in value.items())
        return {key: kept(item, room, depth - 1) for key, item in pairs if room[0] > 0}
    if isinstance(value, list | tuple) and depth:
        return [kept(item, room, depth - 1) for item in value if room[0] > 0]
    room[0] -= 8
    return value if isinstance(value, int | float) or value is None else "…"


def _error(words: str) -> bytes:
    return json.dumps({"error": words}).encode()


if __name__ == "__main__":
    main()
