"""Doors: where they are, who may enter, and that somebody else's place is not taken."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest

from labctl import doors
from labctl.errors import LabctlError


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOSTING_LABCTL_DOORS", str(tmp_path / "around"))
    return tmp_path / "around"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_door_is_open_within_a_closed_directory(base: Path) -> None:
    doors.prepare("one")
    assert mode(base) == 0o700
    assert mode(base / "doors") == 0o711
    assert mode(doors.of("one")) == 0o777


def test_making_it_again_keeps_what_is_there(base: Path) -> None:
    doors.prepare("one")
    (doors.of("one") / "http.sock").touch()
    base.chmod(0o755)
    doors.prepare("one")
    assert (doors.of("one") / "http.sock").exists()
    assert mode(base) == 0o700


def test_a_door_goes_with_all_that_a_student_left_there(base: Path) -> None:
    doors.prepare("one")
    doors.prepare("two")
    (doors.of("one") / "link").symlink_to(doors.of("two"))
    (doors.of("one") / "deep" / "er").mkdir(parents=True)
    doors.remove("one")
    assert not doors.of("one").exists()
    assert doors.of("two").is_dir()
    doors.remove("one")


def test_a_door_goes_however_deep_it_is(base: Path) -> None:
    doors.prepare("one")
    inner = os.open(doors.of("one"), os.O_RDONLY)
    for _ in range(6000):
        os.mkdir("d", dir_fd=inner)
        outer, inner = inner, os.open("d", os.O_RDONLY, dir_fd=inner)
        os.close(outer)
    os.close(inner)
    with pytest.raises((RecursionError, OSError)):  # the control: Python's own cannot
        shutil.rmtree(doors.of("one"))
    assert doors.remove("one")
    assert not doors.of("one").exists()


def test_a_link_in_its_place_is_refused(base: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    base.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LabctlError, match="belongs to somebody else"):
        doors.prepare("one")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_without_being_told_they_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOSTING_LABCTL_DOORS", raising=False)
    assert str(doors.home()).startswith("/dev/shm/hosting-labctl-")
