"""What happens to a class at the same time: who waits, who is left alone, what is read again."""

from __future__ import annotations

import argparse
import fcntl
import io
import json
import os
import tarfile
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labctl.classes import life, registry
from labctl.classes.record import ClassRecord
from labctl.classes.roster import Student
from labctl.cli import class_running, down
from labctl.engines.state import State
from labctl.errors import LabctlError
from labctl.work import class_boot, class_life, class_restore, class_up, class_work, classes
from labctl.work.class_many import Outcome
from labctl.work.class_turns import coming_up, nobody_comes_up

NOW = 1_800_000_000


@pytest.fixture(autouse=True)
def homes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOSTING_LABCTL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HOSTING_LABCTL_DIR", str(tmp_path / "state"))
    return tmp_path


def a_class(name: str = "web", **more: Any) -> ClassRecord:
    record = ClassRecord(name, "stacks/hello/lab.yml", f"{name}.test", "bare-metal")
    record = replace(record, **more)
    return registry.create(record, [Student("s01", "Ada"), Student("s02", "Grace")])


def free(directory: Path) -> bool:
    """Whether another process could lock a state directory now."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True


def test_several_steps_on_a_lab_are_one_for_all_others(homes: Path) -> None:
    state = State(homes / "state" / "web-s01")
    with state.locked():
        with state.locked():
            assert not free(state.directory)
        assert not free(state.directory)
        state.remove()  # as `down` does; what is made anew is as closed
        with state.locked():
            assert not free(state.directory)
        state.prepare()
        assert free(state.directory)
    other = State(homes / "state" / "web-s02")
    entered = threading.Event()
    with other.locked():
        thread = threading.Thread(target=lambda: _enter(other, entered), daemon=True)
        thread.start()
        assert not entered.wait(0.2)
    assert entered.wait(10)


def _enter(state: State, entered: threading.Event) -> None:
    with state.locked():
        entered.set()


def test_what_is_shared_is_not_stopped_while_somebody_comes_up() -> None:
    a_class()
    with coming_up("web"), coming_up("web"), nobody_comes_up("web") as sure:
        assert not sure
    with nobody_comes_up("web") as sure:
        assert sure


def test_each_class_has_its_state_where_it_was_made(homes: Path) -> None:
    for name in ("one", "two"):
        record = replace(a_class(name), home=str(homes / name))
        classes.at_home(record)
        assert os.environ["HOSTING_LABCTL_DIR"] == str(homes / name)


def test_an_end_is_looked_at_again_before_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """While others were archived somebody was given more time, came back, or left the roster."""
    seen: dict[str, float] = {}
    put_away: list[str] = []

    def away(record: ClassRecord, place: object, report: object) -> str:
        put_away.append(record.name)
        return "archived"

    monkeypatch.setattr(class_life, "activity", lambda: seen)
    monkeypatch.setattr(class_life, "put_away_one", away)
    a_class(until=NOW - 1, idle=life.HOUR)
    who = class_life._Subject("web", "s01")

    def ended() -> str:
        return class_life._ended(who, lambda: NOW, lambda *_: None)

    assert ended() == "archived"
    more = life.More(until=NOW + 9 * life.HOUR)
    registry.change("web", lambda one: life.extended(one, (), more, NOW - 2 * life.HOUR))
    assert ended() == "archived"  # there is time, but nobody uses it
    seen["web-s01"] = NOW - 5
    assert ended() == ""
    registry.change_place("web", "s01", lambda one: replace(one, state="removed"))
    assert who.today({}) is None
    assert len(put_away) == 2


def test_idle_time_goes_by_what_the_edge_has_seen() -> None:
    a_class(idle=life.HOUR)
    who, seen = class_life._Subject("web", "s01"), {"web-s01": NOW - 9.5, "web-s02": NOW}
    found = who.today(seen)
    assert found
    assert (found[1].used, registry.get("web").seats[1].used) == (NOW - 10, 0)


def test_one_who_is_past_the_end_is_no_trouble_of_others() -> None:
    record = a_class(until=NOW)
    ada = replace(record.seats[0], until=NOW + 9)
    (late,) = class_up._ended(record, [ada, record.seats[1]], NOW + 1)
    assert (late.id, "past its end" in late.trouble) == ("s02", True)


@pytest.mark.parametrize(
    ("states", "up"),
    [(["restarting"], True), (["exited", "paused"], True), (["running"], True),
     (["exited", "created", "dead"], False), ([], False)],
)  # fmt: skip
def test_a_machine_that_cannot_start_is_up(states: list[str], up: bool) -> None:
    assert class_work.is_up({"State": state} for state in states) == up


def test_what_is_shared_is_no_sandbox(capsys: pytest.CaptureFixture[str]) -> None:
    record = a_class()
    outcomes = (Outcome("web", trouble="no mail", shared=True), Outcome("s01", "ready"))
    status = class_running._ended(argparse.Namespace(json=True), record, outcomes)
    said: Mapping[str, list[dict[str, str]]] = json.loads(capsys.readouterr().out)
    assert status == 1
    assert [one["id"] for one in said["sandboxes"]] == ["s01"]
    assert said["shared"][0]["trouble"] == "no mail"
    assert "ssh" not in said["shared"][0]
    class_running._ended(argparse.Namespace(json=False), record, outcomes)
    assert "1 of 1 sandboxes of web are up" in capsys.readouterr().out


@pytest.mark.parametrize("implicit", [True, False])
def test_the_root_of_sandboxes_is_not_forgotten(implicit: bool) -> None:
    a_class("lab1", implicit=implicit)
    with pytest.raises(LabctlError, match="the sandboxes of lab1 have their certificates"):
        down._refuse_class("lab1")
    down._refuse_class("other")


def test_another_person_with_the_id_is_a_successor(homes: Path) -> None:
    record = a_class()
    gone: dict[str, Any] = {"state": "removed", "restore": "s01-1.tar.gz", "begun": ("a",)}
    for student in ("s01", "s02"):
        registry.change_place("web", student, lambda one: replace(one, **gone))
    file = homes / "roster.csv"
    file.write_text("id,name\ns01,Niklaus\ns02,Grace\n")
    change = classes.compare_roster("web", file)
    assert [one.id for one in change.successors] == ["s01"]
    first, second = registry.enrol("web", change.added).seats
    assert (first.number, first.restore, first.begun, first.turn) == (1, "", (), 1)
    assert (second.restore, second.state, second.turn) == ("s01-1.tar.gz", "archived", 0)
    assert registry.get("web").seat("s01").turn == 1
    assert record.seat("s01").turn == 0


def test_the_host_says_when_it_was_started() -> None:
    assert 0 < class_boot.started() < time.time()


def test_an_archive_is_read_to_its_end(homes: Path) -> None:
    path = homes / "work.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("about.json", "server.tar"):
            member = tarfile.TarInfo(name)
            member.size = 5000
            archive.addfile(member, io.BytesIO(os.urandom(5000)))
    class_restore.verify(path)
    whole = path.read_bytes()
    for damaged in (whole[:-4], whole[:3000], whole[:4000] + b"x" + whole[4001:], b"", b"text"):
        path.write_bytes(damaged)
        with pytest.raises(LabctlError, match="the archive is damaged"):
            class_restore.verify(path)
    path.unlink()
    with pytest.raises(LabctlError, match="no such file"):
        class_restore.verify(path)
