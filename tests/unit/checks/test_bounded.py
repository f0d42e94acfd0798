"""Programs that print without end, never end, or do not read: so much, for so long."""

from __future__ import annotations

import sys
import time

import pytest

from labctl.checks import bounded


def python(source: str) -> list[str]:
    return [sys.executable, "-I", "-c", source]


def test_what_a_program_prints_and_how_it_ends() -> None:
    ran = bounded.run(["sh", "-c", "cat; echo no >&2; exit 3"], 10, b"yes")
    assert (ran.status, ran.out, ran.err, ran.ended) == (3, b"yes", b"no\n", "")
    assert ran.last_words == "no"


def test_errors_may_be_part_of_the_output() -> None:
    ran = bounded.run(["sh", "-c", "echo a; echo b >&2"], 10, together=True)
    assert (ran.out, ran.err) == (b"a\nb\n", b"")


def test_who_prints_without_end_is_stopped() -> None:
    ran = bounded.run(["yes"], 30, limit=10_000)
    assert (ran.status, len(ran.out), ran.ended) == (None, 10_000, "more than 9 KiB of output")


def test_errors_without_end_are_cut_and_do_not_block() -> None:
    ran = bounded.run(["sh", "-c", "head -c 500000 /dev/zero >&2; echo end"], 30, limit=1000)
    assert (ran.status, ran.out, len(ran.err)) == (0, b"end\n", 1000)


def test_who_complains_without_end_is_stopped() -> None:
    ran = bounded.run(["sh", "-c", "exec yes >&2"], 30, limit=10_000)
    assert (ran.status, len(ran.err), ran.ended) == (None, 10_000, "more than 9 KiB of output")


@pytest.mark.parametrize(
    "command", ["sleep 60", "exec >&- 2>&-; sleep 60", "trap '' TERM; sleep 9"]
)
def test_who_does_not_end_is_stopped(command: str) -> None:
    begin = time.monotonic()
    ran = bounded.run(["sh", "-c", f"{command}; :"], 0.3)
    assert (ran.status, ran.ended) == (None, "no end within 0.3 s")
    assert time.monotonic() - begin < 5


def test_a_child_that_holds_the_output_does_not_hold_us() -> None:
    begin = time.monotonic()
    ran = bounded.run(["sh", "-c", "sleep 60 & echo done"], 2)
    assert ran.out == b"done\n"
    assert time.monotonic() - begin < 30


def test_work_that_nobody_reads_does_not_block() -> None:
    assert bounded.run(["true"], 10, b"x" * 2**22).status == 0


def test_much_work_goes_in_while_much_comes_out() -> None:
    work = b"x" * 2**22
    ran = bounded.run(["cat"], 30, work, limit=2**23)
    assert ran.out == work


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(FileNotFoundError):
        bounded.run(["/no/such/program"], 1)
