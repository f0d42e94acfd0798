"""Waiting for a state, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PAUSE = 0.05


def eventually(question: Callable[[], T], seconds: float = 60) -> T:
    """Ask until the answer is true, at most so long; the answer. AssertionError with the last."""
    deadline = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > deadline:
            raise AssertionError(f"still {answer!r} after {seconds} s")
        time.sleep(PAUSE)  # between two questions, until the answer or the deadline
    return answer


def becomes(question: Callable[[], object], seconds: float = 5) -> bool:
    """Whether the answer becomes true within this time."""
    try:
        return bool(eventually(question, seconds))
    except AssertionError:
        return False
