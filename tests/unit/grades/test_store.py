"""Runs are kept as they were, by one file each, and never written over."""

from __future__ import annotations

import stat
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from labctl.errors import LabctlError
from labctl.grades import store
from labctl.grades.run import Record, Run

RECORDS = (
    Record("a", "", "one", "http", "client", True, 2, 2),
    Record("b", "", "one", "dns", "www", False, 0, 1, 3, 2, ("x: é",), ("a",), "hint", "there"),
)
RUN = Run("lab1", "2026-01-02T03:04:05.006Z", "abc", RECORDS, {"one": "The first"})


def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    path = store.save(RUN, tmp_path / "lab")
    assert store.runs(tmp_path / "lab") == (RUN,)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_no_run_is_written_over(tmp_path: Path) -> None:
    path = store.save(RUN, tmp_path)
    before = path.read_bytes()
    with pytest.raises(LabctlError):
        store.save(replace(RUN, records=()), tmp_path)
    assert path.read_bytes() == before


def test_runs_come_in_the_order_of_their_time(tmp_path: Path) -> None:
    times = ("2026-01-02T00:00:00.000Z", "2026-01-01T00:00:00.000Z")
    for n, time in enumerate(times):
        store.save(replace(RUN, time=time, id=f"{n}"), tmp_path)
    assert [run.time for run in store.runs(tmp_path)] == sorted(times)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"lab": 1}', "[" * 100_000, '{"checks": [{}]}'])
def test_a_file_that_is_no_run_hides_none(tmp_path: Path, text: str) -> None:
    path = store.save(RUN, tmp_path)
    path.with_name("0-damaged.json").write_text(text)
    assert store.runs(tmp_path) == (RUN,)


def test_attempts_are_counted_by_exercise(tmp_path: Path) -> None:
    def run(time: str, exercise: str, passed: bool) -> Run:
        record = Record("a", "", exercise, "http", "client", passed, 3 if passed else 0, 3)
        return Run("lab", time, time, (record,))

    kept = [run("1", "one", False), run("2", "two", True), run("3", "one", True)]
    assert store.attempts(kept, "one") == (store.Attempt("1", 0, 3), store.Attempt("3", 3, 3))
    assert store.attempts(kept, "three") == ()


def test_forgetting_leaves_nothing(tmp_path: Path) -> None:
    assert store.forget(tmp_path) == 0
    store.save(RUN, tmp_path)
    assert store.forget(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []
    assert store.runs(tmp_path) == ()


def test_a_run_has_a_time_and_an_id() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 6789, tzinfo=UTC)
    time, first = store.stamped(moment)
    assert time == "2026-01-02T03:04:05.006Z"
    assert first != store.stamped(moment)[1]
