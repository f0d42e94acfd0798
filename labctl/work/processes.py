"""The same for many things, each in a process of its own, some at a time.

For work that computes: threads share one processor. What one process does, or fails to do, is
nobody else's trouble.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Generic, TypeVar

Item = TypeVar("Item")
Answer = dict[str, Any]
_MOST = 64 * 2**20  # bytes of an answer


class _Child(Generic[Item]):
    """A process at work on one thing; ``answer`` is what it has said so far."""

    def __init__(self, item: Item, work: Callable[[Item], Answer], seconds: float) -> None:
        self.item = item
        self.deadline = time.monotonic() + seconds
        self.answer = bytearray()
        self.pipe, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _be(item, work, write)
        os.close(write)

    def end(self) -> None:
        """Stop it, and everything that it has started."""
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.pipe)

    def said(self) -> Answer:
        """Its answer; ``error`` where it has none."""
        try:
            found = json.loads(bytes(self.answer))
        except ValueError:
            return {"error": "it ended without an answer"}
        return found if isinstance(found, dict) else {"error": "it says something else"}


def each(
    work: Callable[[Item], Answer], items: Iterable[Item], at_once: int, seconds: float
) -> Iterator[tuple[Item, Answer]]:
    """``work`` of every item, as each is done: what it returns, in JSON.

    ``error`` is in the answer of whatever raises, dies, or takes longer than ``seconds``. To be
    called while this process has no other thread.
    """
    waiting = list(items)[::-1]
    with selectors.DefaultSelector() as selector:
        try:
            while waiting or selector.get_map():
                while waiting and len(selector.get_map()) < at_once:
                    child = _Child(waiting.pop(), work, seconds)
                    selector.register(child.pipe, selectors.EVENT_READ, child)
                for done, answer in _done(selector):
                    selector.unregister(done.pipe)
                    done.end()
                    yield done.item, answer
        finally:
            for key in list(selector.get_map().values()):
                key.data.end()


def _done(selector: selectors.BaseSelector) -> Iterator[tuple[_Child[Any], Answer]]:
    """Those that have ended, or have no time left; waits for the next thing to happen."""
    children = [key.data for key in selector.get_map().values()]
    wait = max(0.0, min(child.deadline for child in children) - time.monotonic())
    for key, _ in selector.select(wait):
        data = os.read(key.fd, 1 << 16)
        key.data.answer += data
        if not data or len(key.data.answer) > _MOST:
            children.remove(key.data)
            yield key.data, key.data.said()
    for child in children:
        if time.monotonic() >= child.deadline:
            yield child, {"error": "it did not end in its time"}


def _be(item: Any, work: Callable[[Any], Answer], pipe: int) -> None:
    """Be the process of one thing. Does not return."""
    try:
        os.setpgid(0, 0)
        with open(pipe, "wb") as answers:
            answers.write(json.dumps(_answer(item, work)).encode())
    finally:
        os._exit(0)


def _answer(item: Any, work: Callable[[Any], Answer]) -> Answer:
    from labctl.errors import LabctlError

    try:
        return work(item)
    except LabctlError as error:
        return {"error": error.message, "status": error.status}
    except Exception as error:  # noqa: BLE001 (one thing's trouble is its answer)
        return {"error": f"{type(error).__name__}: {error}"}
