"""Each thing in a process of its own: what one does is nobody else's trouble."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import pytest

from labctl.errors import LabctlError
from labctl.work import processes


def answers(work: Any, items: list[Any], at_once: int = 2, seconds: float = 20) -> dict[Any, Any]:
    return dict(processes.each(work, items, at_once, seconds))


def test_all_are_done() -> None:
    found = answers(lambda item: {"pid": os.getpid(), "twice": 2 * item}, list(range(7)))
    assert {item: answer["twice"] for item, answer in found.items()} == {n: 2 * n for n in range(7)}
    assert len({answer["pid"] for answer in found.values()} | {os.getpid()}) == 8


def _trouble(item: str) -> dict[str, Any]:
    if item == "error":
        raise LabctlError("it is not up", status=1)
    if item == "bug":
        raise ValueError("a bug")
    if item == "dead":
        os.kill(os.getpid(), 9)
    if item == "late":
        time.sleep(60)
    if item == "strange":
        return ["x"]  # type: ignore[return-value]  # the fault itself
    if item == "large":
        return {"text": "x" * 1_000_000}
    return {"good": True}


def test_one_things_trouble_is_its_own_answer() -> None:
    items = ["error", "bug", "dead", "late", "strange", "large", "good"]
    found = answers(_trouble, items, at_once=3, seconds=2)
    assert found["error"] == {"error": "it is not up", "status": 1}
    assert found["bug"] == {"error": "ValueError: a bug"}
    assert found["dead"] == {"error": "it ended without an answer"}
    assert found["late"] == {"error": "it did not end in its time"}
    assert found["strange"] == {"error": "it says something else"}
    assert len(found["large"]["text"]) == 1_000_000
    assert found["good"] == {"good": True}


def test_whoever_stops_listening_leaves_no_process() -> None:
    def start(item: float) -> dict[str, Any]:
        if item:
            subprocess.run(["sleep", str(item)], check=False)
        return {"pid": os.getpid()}

    running = processes.each(start, [0, 61.25], 2, 100)
    assert next(running)[0] == 0
    running.close()  # type: ignore[attr-defined]  # a generator
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert "sleep 61.25" not in listed.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="counts processes in /proc")
def test_so_many_at_a_time() -> None:
    def alive(_: int) -> dict[str, Any]:
        time.sleep(0.1)
        return {"now": len(children())}

    parent = os.getpid()

    def children() -> list[str]:
        found = subprocess.run(["ps", "--ppid", str(parent), "-o", "pid="], capture_output=True,
                               text=True, check=False)  # fmt: skip
        return found.stdout.split()

    assert max(answer["now"] for answer in answers(alive, [1, 2, 3, 4, 5]).values()) <= 2
