"""Asking on a machine, for real in a process: each question in its time, whatever it does."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from importlib import resources
from typing import Any

from labctl.checks import asking, sent

SOURCE = resources.files("labctl.checks").joinpath("asking.py").read_text()
# a client that does as it is told
CLIENT = """
import os, subprocess, sys, time
def ask(request):
    exec(request["do"])
    return {"seen": request["do"]}
"""


def asked(*what: str, seconds: float = 5) -> list[dict[str, Any]]:
    """The answers of a client that does these things."""
    jobs: list[dict[str, Any]] = [
        {"token": f"{n:032x}", "client": "told", "ask": {"do": do}, "seconds": seconds}
        for n, do in enumerate(what)
    ]
    work = {"modules": {"told": CLIENT}, "preload": ["json", "no.such.module"], "jobs": jobs}
    done = subprocess.run(
        [sys.executable, "-I", "-c", SOURCE], input=json.dumps(work).encode(),
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    answers = sent.understood(done.stdout, {job["token"] for job in jobs})
    return [answers[job["token"]] for job in jobs]


def test_every_question_has_its_answer() -> None:
    answers = asked(*(f"n = {n}" for n in range(40)))
    assert [answer["seen"] for answer in answers] == [f"n = {n}" for n in range(40)]
    assert all(answer["milliseconds"] < 5000 for answer in answers)


def test_one_that_hangs_costs_the_others_nothing() -> None:
    begin = time.monotonic()
    hangs = ["time.sleep(60)", "subprocess.run(['sleep', '60'])", "while True: pass"]
    answers = asked(*hangs, "n = 1", seconds=0.5)
    assert [answer.get("error") for answer in answers] == ["no answer within 0.5 s"] * 3 + [None]
    assert time.monotonic() - begin < 10


def test_what_a_client_has_started_ends_with_it() -> None:
    marker = f"{time.monotonic_ns()}"
    asked(f"subprocess.run(['sleep', '60.{marker}'])", seconds=0.3)
    left = subprocess.run(["pgrep", "-f", f"60.{marker}"], capture_output=True, check=False)
    assert left.stdout == b""


def test_one_that_breaks_is_an_answer() -> None:
    answers = asked("1 / 0", "os._exit(3)", "os.kill(os.getpid(), 9)", "raise SystemExit")
    assert [answer["error"] for answer in answers] == [
        "ZeroDivisionError: division by zero",
        *["the client ended without an answer"] * 3,
    ]


def test_what_a_client_prints_is_no_answer() -> None:
    forged = f"{1:032x} {{}}"
    assert [a["seen"] for a in asked(f"print('{forged}'); sys.stdout.flush()", "n = 2")][
        1
    ] == "n = 2"


def test_memory_without_end_is_an_error() -> None:
    (answer,) = asked(f"x = bytearray({4 * asking.MEMORY})")
    assert answer["error"].startswith("MemoryError")


def test_only_so_much_of_an_answer_is_kept() -> None:
    assert asking.kept({"a": "x" * 100_000, "b": "y"}) == {"a": "x" * (asking.KEPT - 2)}
    many = asking.kept([str(n) for n in range(100_000)])
    assert sum(map(len, many)) <= asking.KEPT
    deep: Any = "x"
    for _ in range(100):
        deep = [deep]
    assert str(asking.kept(deep)).count("[") == asking.DEPTH
    assert asking.kept({"n": 1.5, "t": True, "z": None}) == {"n": 1.5, "t": True, "z": None}
