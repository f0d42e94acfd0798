"""Results handed on: whatever a machine has said is text in each of the formats."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

from labctl.checks.expect import visible
from labctl.checks.runner import Result
from labctl.cli import check as verb
from labctl.grades import exports
from labctl.grades.page import page
from labctl.grades.run import Record, Run, as_json, from_json, made, record
from labctl.model import Check
from labctl.work.checking import Checked

EVIL = "=cmd|' /C calc'!A0 <script>alert(1)</script> \x1b[2J\x00\ud800\u202e]]> & \"q\" {{7*7}}"

WRONG = "status: expected 200, got 404"


def check(name: str, exercise: str = "one", **more: Any) -> Check:
    return Check(name, "", "http", {}, {}, exercise=exercise, points=2, **more)


RESULTS = (
    Result(check("good", hint="never shown"), {}, ()),
    Result(check("flaky", retries=2), {}, (), attempts=2),
    Result(check("bad", hint="look there", lesson="The Front"), {}, (WRONG,)),
    Result(check("after", needs=("bad",)), {}, (), 0, ("bad",)),
    Result(check("own", exercise=""), {}, ()),
    Result(check(EVIL, exercise="two", hint=EVIL), {}, (EVIL, EVIL)),
)
RUN = made("lab1", ("2026-01-02T03:04:05.006Z", "abc"), RESULTS, {"one": "First", "two": EVIL})


def test_a_record_says_what_a_learner_needs() -> None:
    bad = record(RESULTS[2])
    assert (bad.state, bad.points, bad.of) == ("does not hold", 0, 2)
    assert bad.lesson == "exercises/one/README.md#the-front"
    assert record(RESULTS[0]).hint == ""
    assert record(RESULTS[1]).state == "holds, on attempt 2"
    assert record(RESULTS[3]).reasons == ("it needs what does not hold: bad",)


def test_points_are_those_of_the_groups() -> None:
    assert [(g.name, g.title, g.points, g.of) for g in RUN.groups] == [
        ("one", "First", 4, 8), ("", "lab1: the lab itself", 2, 2), ("two", visible(EVIL), 0, 2),
    ]  # fmt: skip
    assert (RUN.points, RUN.of) == (6, 12)


def test_a_run_survives_json() -> None:
    assert from_json(json.loads(json.dumps(as_json(RUN)))) == RUN


def test_junit_is_xml_whatever_a_machine_says() -> None:
    root = ElementTree.fromstring(exports.junit(RUN))
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites][:2] == ["First", "lab1: the lab itself"]
    assert {key: suites[0].get(key) for key in ("tests", "failures", "skipped")} == {
        "tests": "4", "failures": "1", "skipped": "1",
    }  # fmt: skip
    cases = {case.get("name"): case for case in suites[0]}
    failure = cases["bad"].find("failure")
    assert failure is not None
    assert failure.get("message") == WRONG
    assert "look there" in (failure.text or "")
    assert cases["after"].find("skipped") is not None
    assert cases["good"].find("failure") is None
    assert cases["flaky"].findtext("system-out") == "holds, on attempt 2"
    (evil,) = suites[2]
    assert "<script>" in (evil.get("name") or "")
    assert "\\x1b[2J\\x00\\ud800\\u202e" in (evil.get("name") or "")


def rows(run: Run) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exports.table(run), newline="")))


def test_csv_has_a_line_for_each_check() -> None:
    found = rows(RUN)
    assert [(row["check"], row["state"], row["points"]) for row in found[:3]] == [
        ("good", "holds", "2"),
        ("flaky", "holds, on attempt 2", "2"),
        ("bad", "does not hold", "0"),
    ]
    assert len(found) == len(RESULTS)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_no_cell_is_a_formula(start: str) -> None:
    evil = f"{start}1+1"
    assert exports.cell(evil) == f"'{evil}"
    one = Record(evil, "", evil, "http", "x", False, 0, 1, differences=(evil,), hint=evil)
    (row,) = rows(Run(evil, "t", "i", (one,)))
    assert [row[key] for key in ("lab", "exercise", "check", "reason", "hint")] == [f"'{evil}"] * 5


def test_a_cell_that_is_none_stays() -> None:
    assert exports.cell("a=1") == "a=1"
    assert exports.cell("") == ""


class Page(HTMLParser):
    """The elements of a page, and whether they are closed in order."""

    VOID = frozenset({"meta", "rect"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def test_the_page_has_a_bar_for_each_exercise_and_asks_nobody() -> None:
    earlier = replace(RUN, time="2026-01-01T00:00:00.000Z", id="first")
    found = Page(page(RUN, (earlier, RUN)))
    assert [bar["aria-label"] for bar in found.all("svg")] == [
        "50 of 100",
        "100 of 100",
        "0 of 100",
    ]
    assert [one["width"] for one in found.all("rect")] == ["50", "100", "0"]
    assert found.all("script") == []
    asked = {"src", "href", "srcset", "action", "data"}
    assert not any(asked & attributes.keys() for _, attributes in found.elements)
    assert "2 attempts" in found.words
    assert found.all("html") == [{"lang": "en"}]
    assert len(found.all("h1")) == len(found.all("title")) == 1


def test_on_the_page_everything_is_text() -> None:
    found = Page(page(RUN))
    assert "<script>alert(1)</script>" in found.words
    assert "{{7*7}}" in found.words
    assert "\x1b" not in page(RUN)
    page(RUN).encode()  # nothing that UTF-8 cannot say


def test_the_terminal_gets_no_control_characters() -> None:
    said = verb.text(Checked(RUN, (RUN,)))
    assert all(c.isprintable() or c == "\n" for c in said)
    assert "flaky (held on attempt 2 of 3)" in said
    assert "one: 4 of 8 points (attempt 1)" in said
    assert "lesson: exercises/one/README.md#the-front" in said
