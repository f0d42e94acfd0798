"""Which checks are asked, in which order and how often. What is seen is made up here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from labctl.checks import runner
from labctl.checks.runner import Result
from labctl.model import Check, Kept, Lab
from tests.support import lab_from


@pytest.fixture
def lab() -> Lab:
    return lab_from("lab: one\nservices: {front: front}\n")


class Asked:
    """Answers in turn: of each check, whether it holds the first time, the second time …"""

    def __init__(self, **answers: str) -> None:
        self.answers = {name: list(said) for name, said in answers.items()}
        self.rounds: list[list[str]] = []

    def __call__(self, _: object, checks: Sequence[Check]) -> list[Result]:
        self.rounds.append([check.name for check in checks])
        said = [self.answers[check.name].pop(0) == "+" for check in checks]
        return [Result(c, {}, () if ok else ("no",)) for c, ok in zip(checks, said, strict=True)]


def check(name: str, *needs: str, retries: int = 0) -> Check:
    return Check(name, "", "http", {}, {}, needs=needs, retries=retries, points=2)


def run(
    lab: Lab, monkeypatch: pytest.MonkeyPatch, asked: Asked, *checks: Check
) -> dict[str, Result]:
    monkeypatch.setattr(runner._Run, "ask", lambda self, some: asked(self, some))
    results = runner.run(lab, Kept(""), {}, checks)
    assert [result.check for result in results] == list(checks)
    return {result.check.name: result for result in results}


def test_what_is_needed_comes_first(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(a="+", b="+", c="+", d="+")
    checks = (check("c", "b"), check("b", "a"), check("a"), check("d"))
    results = run(lab, monkeypatch, asked, *checks)
    assert asked.rounds == [["a", "d"], ["b"], ["c"]]
    assert all(result.passed and result.points == 2 for result in results.values())


def test_what_needs_something_that_does_not_hold_is_not_asked(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked(a="-", b="+", c="", d="")
    checks = (check("a"), check("b"), check("c", "b", "a"), check("d", "c"))
    results = run(lab, monkeypatch, asked, *checks)
    assert asked.rounds == [["a", "b"]]
    assert (results["c"].asked, results["c"].unmet, results["c"].points) == (False, ("a",), 0)
    assert (results["d"].passed, results["d"].unmet) == (False, ("c",))


def test_a_need_that_is_not_among_them_does_not_hold(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = run(lab, monkeypatch, Asked(), check("a", "elsewhere"))
    assert results["a"].unmet == ("elsewhere",)


def test_each_exercise_has_names_of_its_own(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    def of(exercise: str, one: Check) -> Check:
        return replace(one, exercise=exercise)

    asked = Asked(a="-+", b="+")
    checks = (of("x", check("a")), of("y", check("a")), of("x", check("b", "a")),
              of("y", check("b", "a")))  # fmt: skip
    monkeypatch.setattr(runner._Run, "ask", lambda self, some: asked(self, some))
    results = runner.run(lab, Kept(""), {}, checks)
    assert [result.asked for result in results] == [True, True, False, True]


def test_a_check_is_asked_again_within_its_limit(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = Asked(a="-+", b="--", c="---", d="+", e="+")
    checks = (check("a", retries=3), check("b", retries=1), check("c", retries=2),
              check("d", retries=5), check("e", "a"))  # fmt: skip
    results = run(lab, monkeypatch, asked, *checks)
    assert asked.rounds == [["a", "b", "c", "d"], ["a", "b", "c"], ["c"], ["e"]]
    states = {name: (result.passed, result.attempts) for name, result in results.items()}
    assert states == {
        "a": (True, 2), "b": (False, 2), "c": (False, 3), "d": (True, 1), "e": (True, 1),
    }  # fmt: skip


def test_a_circle_ends(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    results = run(lab, monkeypatch, Asked(), check("a", "b"), check("b", "a"))
    assert not any(result.asked for result in results.values())


def test_a_machine_that_does_not_run_is_an_answer(lab: Lab) -> None:
    checks = (
        Check("a", "", "http", {"url": "http://x/"}, {"status": 200}),
        Check("b", "", "file", {"path": "/x"}, {"exists": False}, origin="front"),
        Check("c", "", "tcp", {"host": "x", "port": 1}, {"connected": False}, origin="nobody"),
    )
    said = [result.differences[0] for result in runner.run(lab, Kept(""), {}, checks)]
    assert said == [
        f"expected an answer, got: the machine '{name}' does not run"
        for name in ("client", "front", "nobody")
    ]
