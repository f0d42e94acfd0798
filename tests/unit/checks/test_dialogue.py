"""One program, asked several times: it stays while it keeps to its limits, and no longer."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from labctl.checks import sent
from labctl.checks.dialogue import Dialogue
from labctl.model import Check

PATIENCE = 20.0
ECHO = "import os, sys\nfor line in sys.stdin:\n    print(os.getpid(), line, end='', flush=True)\n"


@pytest.fixture
def program() -> Iterator[Callable[[str], Dialogue]]:
    made: list[Dialogue] = []

    def make(source: str) -> Dialogue:
        made.append(Dialogue([sys.executable, "-I", "-c", source]))
        return made[-1]

    yield make
    for one in made:
        one.close()


class Lines:
    """Takes what is said until there are so many lines."""

    def __init__(self, count: int = 1) -> None:
        self.count = count
        self.text = b""

    def __call__(self, data: bytes) -> bool:
        self.text += data
        return self.text.count(b"\n") >= self.count


Program = Callable[[str], Dialogue]


def test_the_same_program_is_asked_again(program: Program) -> None:
    one, said = program(ECHO), []
    for word in (b"a\n", b"b\n"):
        lines = Lines()
        assert one.ask(word, lines, PATIENCE, 1000).ended == ""
        said.append(lines.text.split())
    assert [words[1] for words in said] == [b"a", b"b"]
    assert said[0][0] == said[1][0]
    assert not one.fresh


def test_one_that_has_ended_is_started_again(program: Program) -> None:
    one = program("import sys; print('once', input()); print('why', file=sys.stderr); sys.exit(7)")
    for _ in range(2):
        lines = Lines(2)
        ran = one.ask(b"x\n", lines, PATIENCE, 1000)
        assert (ran.status, ran.err, lines.text) == (7, b"why\n", b"once x\n")
        assert one.fresh


@pytest.mark.parametrize(
    ("source", "seconds", "ended"),
    [
        ("while True: print('x' * 1000)", PATIENCE, "more than 100 KiB of output"),
        (
            "import sys\nwhile True: print('x' * 1000, file=sys.stderr)",
            PATIENCE,
            "more than 1024 KiB of err",
        ),
        ("import time; time.sleep(600)", 1.0, "no end within 1 s"),
        ("import os, time\nos.close(0)\ntime.sleep(600)", 1.0, "no end within 1 s"),
    ],
)
def test_one_that_keeps_to_no_limit_is_stopped(
    program: Program, source: str, seconds: float, ended: str
) -> None:
    one = program(source)
    ran = one.ask(b"x\n" * 100_000, Lines(10**9), seconds, 100 * 1024)
    assert ran.ended.startswith(ended)
    assert ran.status is None
    assert one.fresh


def test_a_large_question_arrives_whole(program: Program) -> None:
    one = program("import sys\nfor line in sys.stdin: print(len(line), flush=True)")
    lines = Lines()
    one.ask(b"x" * 3_000_000 + b"\n", lines, PATIENCE, 1000)
    assert lines.text == b"3000001\n"


def test_a_machines_python_has_each_client_once() -> None:
    asker = sent.Asker(sent.Python((sys.executable,)))
    checks = [Check("a", "", client, {}, {}) for client in ("http", "tls")]
    asks: list[dict[str, Any]] = [{"url": "http://127.0.0.1:1/"}, {"host": "127.0.0.1", "port": 1}]
    try:
        for _ in range(2):
            seen = asker.ask(checks, asks)
            assert "127.0.0.1 port 1" in seen[0]["error"]
            assert "ConnectionRefusedError" in seen[1]["error"]
        assert b'"modules": {}' in asker.work([{"client": "tls"}])
        asker.close()
        assert b'"tls": ' in asker.work([{"client": "tls"}])
    finally:
        asker.close()
