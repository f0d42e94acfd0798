"""A student's secret in another's work is found; their own, and anything like one, is not."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from labctl.checks.runner import Result
from labctl.grades import leaks
from labctl.grades.leaks import Known, Leak
from labctl.keep import derived
from labctl.model import Check, Want

KEY = bytes(range(32))
WANTS = {"secret.flag": Want("token", "check/flag"), "account.alice": Want("password", "m/alice")}
STUDENTS = ("s01", "s02", "s03")
VALUES = {
    student: {name: derived.derive(derived.of_seat(KEY, student), want)
              for name, want in WANTS.items()}
    for student in STUDENTS
}  # fmt: skip


def found(holder: str, seen: Any) -> tuple[str, ...]:
    result = Result(Check("a page", "", "http", {}, {}, exercise="one"), seen, ())
    return tuple(str(leak) for leak in Known(VALUES).found(holder, [result]))


FLAG, PASSWORD = VALUES["s03"]["secret.flag"], VALUES["s03"]["account.alice"]


@pytest.mark.parametrize(
    "seen",
    [
        {"body": f"<p>{FLAG}</p>"},
        {"body": f"x{FLAG}y"},
        {"body": FLAG.upper()},
        {"header": {"x-flag": FLAG}},
        {"header": {FLAG: "x"}},
        {"received": ["no", f"it is {FLAG}."]},
        {"error": f"curl: {FLAG}"},
        {"content": "0" * 60_000 + FLAG},
    ],
)
def test_a_value_of_another_is_found_wherever_it_was_seen(seen: Any) -> None:
    assert found("s01", seen) == ("has s03's secret.flag",)
    assert found("s03", seen) == ()  # the control: it is the student's own


def test_passwords_are_found_too() -> None:
    assert found("s02", {"content": f"alice:{PASSWORD}"}) == ("has s03's account.alice",)


@pytest.mark.parametrize(
    "seen",
    [{}, {"body": ""}, {"body": FLAG[:-1]}, {"body": FLAG[1:]}, {"body": f"{FLAG[:9]} {FLAG[9:]}"},
     {"status": 200}, {"body": None}, {"body": "f" * 70_000}],
)  # fmt: skip
def test_what_is_not_the_value_is_nothing(seen: Any) -> None:
    assert found("s01", seen) == ()


def test_all_secrets_are_different() -> None:
    values = [value for own in VALUES.values() for value in own.values()]
    assert len(set(values)) == len(values)


def test_what_is_kept_has_no_value_and_comes_back(tmp_path: Path) -> None:
    leak = Leak("s01", "s03", "secret.flag", "one", "a page")
    leaks.save((), tmp_path, "now")
    assert not list(tmp_path.iterdir())
    leaks.save([leak], tmp_path, "2026")
    leaks.save([leak], tmp_path, "2026")
    (file, _) = (tmp_path / leaks.FOLDER).iterdir()
    assert FLAG not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    (tmp_path / leaks.FOLDER / "bad.json").write_text('[{"x": 1}]')
    assert leaks.kept(tmp_path) == (leak,)
