"""Exercises of a class: what is noted of each sandbox, and which cannot be begun together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labctl.classes import registry
from labctl.classes.record import ClassRecord
from labctl.classes.roster import Student
from labctl.errors import LabctlError
from labctl.exercises.folders import MachineSteps, Steps
from labctl.exercises.reader import Exercise
from labctl.work import begun
from labctl.work.class_exercises import named, refuse_clashes
from labctl.work.classes import Wish, proposed
from labctl.work.takedown import lab_home

FILES = MachineSteps({"/etc/nginx/x.conf": b""})
SCRIPT = MachineSteps(script="true")


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOSTING_LABCTL_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HOSTING_LABCTL_DIR", str(tmp_path / "state"))
    registry.home().mkdir(parents=True)
    record = ClassRecord("web", "/labs/lab.yml", "web.test", "bare-metal")
    registry.create(record, [Student("s01", "Ada"), Student("s02", "Grace")])
    return tmp_path


def exercise(name: str, lab: bool = False, **machines: MachineSteps) -> Exercise:
    setup = Steps({"lab.yml": b""} if lab else {}, machines)
    return Exercise(name, name, "", Path(name), (), setup=setup)


def test_what_is_begun_is_noted_of_one_sandbox_and_kept() -> None:
    begun.add("web-s01", "02-b")
    begun.add("web-s01", "01-a")
    registry._read.cache_clear()
    assert (begun.begun("web-s01"), begun.begun("web-s02")) == (("01-a", "02-b"), ())
    begun.remove("web-s01", "02-b")
    assert begun.begun("web-s01") == ("01-a",)
    begun.note("web-s01", ())
    assert begun.begun("web-s01") == ()


def test_the_note_is_as_old_as_the_work() -> None:
    begun.add("web-s01", "later")
    begun.restored("web-s01", json.dumps({"begun": ["01-a"]}).encode())
    assert begun.begun("web-s01") == ("01-a",)
    begun.restored("web-s01", b"{}")  # an archive of a time before there were notes
    assert begun.begun("web-s01") == ()


@pytest.mark.parametrize("lab", ["lab1", "web", "web-s09"])
def test_of_other_labs_nothing_is_noted(lab: str) -> None:
    before = registry.get("web")
    begun.add(lab, "01-a")
    assert (begun.begun(lab), registry.get("web")) == ((), before)


def test_only_what_prepares_machines_has_to_be_begun() -> None:
    assert exercise("a", www=SCRIPT).begins("vps")
    assert not exercise("a").begins("vps")
    assert not exercise("a", lab=True, www=SCRIPT).begins("vps")  # nobody can begin it in a class


def test_two_that_put_one_file_cannot_be_begun_together() -> None:
    both = [exercise("01-a", www=FILES), exercise("02-b", www=FILES)]
    with pytest.raises(LabctlError, match=r"01-a and 02-b both put /etc/nginx/x\.conf on www"):
        refuse_clashes(both)
    refuse_clashes([both[0], exercise("03-c", front=FILES), exercise("04-d", www=SCRIPT)])


def test_exercises_are_begun_in_the_order_of_the_lab() -> None:
    known = [exercise(name) for name in ("01-a", "02-b", "03-c")]
    assert [one.name for one in named(known, ["c", "1", "03-c"])] == ["01-a", "03-c"]
    with pytest.raises(LabctlError, match="no exercise 'd'"):
        named(known, ["d"])


def test_no_class_is_called_as_somebodys_lab(data: Path) -> None:
    folder = data / "mine"
    folder.mkdir()
    (folder / "lab.yml").write_text("lab: mine\nservices: {www: static}\nsites: {www: www}\n")
    (folder / "www").mkdir()
    (folder / "www" / "index.html").write_text("x")
    wish = Wish("mine", str(folder))
    assert proposed(wish).name == "mine"  # the control: so far there is no such lab
    lab_home("mine").mkdir(parents=True)
    (lab_home("mine") / "authority.json").write_text("{}")
    with pytest.raises(LabctlError, match="there is a lab 'mine'"):
        proposed(wish)
    assert proposed(wish, implicit=True).implicit  # `labctl sandbox up mine s01`
