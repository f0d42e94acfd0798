"""Classes as they are kept: whole, closed to others, each seat with a number of its own."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from labctl.classes import registry
from labctl.classes.record import ClassRecord, Place, clashes
from labctl.classes.roster import Student
from labctl.errors import LabctlError
from labctl.model import Limits


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOSTING_LABCTL_DATA", str(tmp_path))
    return tmp_path


def record(name: str, domain: str = "") -> ClassRecord:
    return ClassRecord(name, "/labs/lab.yml", domain or f"{name}.test", "bare-metal")


def students(*ids: str) -> list[Student]:
    return [Student(one, f"Name of {one}") for one in ids]


def numbers(name: str) -> dict[str, int]:
    return {place.id: place.number for place in registry.get(name).seats}


def test_a_class_is_kept_as_it_was_made(data: Path) -> None:
    whole = replace(
        record("web"), limits=Limits(1, 0.5, 3, 4, 5), own=("mail",), idle=60, until=9, made=1
    )
    made = registry.create(whole, students("s01"))
    registry._read.cache_clear()
    assert registry.get("web") == made == replace(whole, seats=(Place(1, *students("s01")),))
    file = data / "classes/web/class.json"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.parent.stat().st_mode & 0o777 == 0o700
    assert registry.names() == ("web",)


def test_a_lab_is_found_as_the_sandbox_that_it_is() -> None:
    registry.create(record("web", "web.example"), students("s01", "2027-s01"))
    registry.create(record("web-2026"), students("s01", "a-b"))
    for lab, seat in {"web-s01": ("web", "s01"), "web-2027-s01": ("web", "2027-s01"),
                      "web-2026-s01": ("web-2026", "s01"), "web-2026-a-b": ("web-2026", "a-b"),
                      }.items():  # fmt: skip
        found = registry.seat_of(lab)
        assert found
        assert (found[0].name, found[1].id, found[1].lab) == (*seat, lab)
        assert found[1].domain == found[0].domain
    for lab in ("web", "web-", "web-s02", "other-s01", "web-2026", "-s01", "../web-s01", "a-\0"):
        assert registry.seat_of(lab) is None


def test_two_sandboxes_never_have_one_name() -> None:
    registry.create(record("web"), students("2026-s01"))
    with pytest.raises(LabctlError, match="the class 'web' has a sandbox 'web-2026-s01'"):
        registry.create(record("web-2026"), students("s01"))
    registry.create(record("web-2026"), students("s02"))
    with pytest.raises(LabctlError, match="there is a class 'web-2026'"):
        registry.enrol("web", students("2026"))
    assert clashes("web", ["a", "b"], (), {"web-a"}) == {"a": "there is a lab 'web-a'"}
    assert "2 characters too long" in clashes("c" * 12, ["s" * 20], (), ())["s" * 20]


def test_a_number_is_no_other_places_while_it_is_known() -> None:
    registry.create(record("a"), students("x", "y"))
    registry.create(record("b"), students("x", "y"))
    assert (numbers("a"), numbers("b")) == ({"x": 1, "y": 2}, {"x": 3, "y": 4})
    registry.change_place("a", "x", lambda place: replace(place, state="removed"))
    registry.enrol("b", students("z"))
    assert numbers("b")["z"] == 5
    registry.enrol("a", [Student("x", "another name")])
    back = registry.get("a").place("x")
    assert back == Place(1, Student("x", "another name"), turn=1)
    registry.forget("a")
    registry.enrol("b", students("w"))
    assert numbers("b")["w"] == 1


def test_numbers_changed_by_hand_are_refused(data: Path) -> None:
    registry.create(record("a"), students("x"))
    registry.create(record("b"), students("y"))
    registry.change_place("b", "y", lambda place: replace(place, number=1))
    with pytest.raises(LabctlError, match="a-x and b-y have the same number 1"):
        registry.enrol("b", students("z"))


def test_who_was_removed_with_work_kept_comes_back_to_it() -> None:
    registry.create(record("a"), students("x"))
    registry.change_place("a", "x", lambda p: replace(p, state="removed", restore="x-1.tar.gz"))
    assert registry.get("a").active == ()
    (place,) = registry.enrol("a", students("x")).active
    assert (place.state, place.restore) == ("archived", "x-1.tar.gz")


def test_a_damaged_record_is_refused_and_half_a_folder_is_no_class(data: Path) -> None:
    registry.create(record("web"), students("s01"))
    file = data / "classes/web/class.json"
    sealed = file.read_text()
    file.write_text(sealed.replace("bare-metal", "bare-metaI"))
    with pytest.raises(LabctlError, match="damaged, cut off or changed by hand") as caught:
        registry.get("web")
    assert "class" in caught.value.hint
    file.unlink()
    assert (registry.find("web"), registry.names()) == (None, ())
    with pytest.raises(LabctlError, match="there is no class 'web'"):
        registry.get("web")


def test_one_name_is_one_class() -> None:
    registry.create(record("web"), students("s01"))
    with pytest.raises(LabctlError, match="there is a class 'web' already"):
        registry.create(record("web"), students("s02"))


def test_changes_at_the_same_time_are_all_kept(data: Path) -> None:
    ids = [f"s{number}" for number in range(12)]
    registry.create(record("web"), ())
    threads = [threading.Thread(target=registry.enrol, args=("web", students(one))) for one in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers("web").values()) == list(range(1, 13))
    assert json.loads((data / "classes/web/class.json").read_text())["format"] == 1
