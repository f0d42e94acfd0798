"""What students have reached: which attempt counts, and how other programs are told."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from labctl.classes.record import Place
from labctl.classes.roster import Student
from labctl.cli import class_matrix, progress
from labctl.grades import gradebook, gradebook_exports
from labctl.grades.gradebook import Column, Gradebook, Which
from labctl.grades.leaks import Leak
from labctl.grades.page import class_page
from labctl.grades.run import BEGUN, Record, Run
from labctl.work.class_grades import Row

COLUMNS = (Column("one", "The first", 3), Column("two", "The second", 5))
EVIL = '=HYPERLINK("http://x")'
STUDENTS = (
    Student("s01", "Ada", "ada@uni.example", "1001"),
    Student("s02", EVIL, "+x@uni.example", "sis-2"),
    Student("s03", "<script>alert(1)</script>", "", ""),
)


def run(time: str, exercise: str, points: int, of: int = 3, target: str = "") -> Run:
    record = Record("a <b>check</b>", "", exercise, "http", "client", points == of, points, of,
                    differences=("status: expected 200, got <i>",))  # fmt: skip
    return Run("web-s01", time, time, (record,), {exercise: "The first"}, target)


def book(which: Which = "last") -> Gradebook:
    first = [run("1", "one", 1), run("2", "one", 3), run("3", "two", 5, 5), run("4", "one", 0),
             run("5", "one", 3, target="http://me.example")]  # fmt: skip
    kept = [(Place(n, student), runs) for n, (student, runs) in enumerate(
        zip(STUDENTS, (first, [run("1", "one", 2)], []), strict=True), 1)]  # fmt: skip
    leaks = [Leak("s02", "s01", "secret.flag", "one", check) for check in ("a", "b")]
    return gradebook.made("web", COLUMNS, kept, leaks, which)


@pytest.mark.parametrize(("which", "points"), [("last", 0), ("best", 3)])
def test_the_attempt_that_counts(which: Which, points: int) -> None:
    line = book(which).lines[0]
    assert (line.grades[0].points, line.grades[0].attempts, line.points) == (points, 3, points + 5)


def test_a_check_of_what_was_not_begun_is_no_attempt() -> None:
    early = Record("a", "", "one", "http", "client", False, 0, 3, attempts=0, unmet=(BEGUN,))
    late = Run("web-s01", "9", "9", (early,), {})
    kept = [(Place(1, STUDENTS[0]), [run("1", "one", 3), late])]
    (line,) = gradebook.made("web", COLUMNS, kept, [], "last").lines
    assert (line.points, line.grades[0].attempts) == (3, 1)


def test_who_tried_nothing_has_nothing() -> None:
    line = book().lines[2]
    assert (line.points, line.tried, line.grades[0].group) == (0, False, None)


def rows(form: gradebook_exports.Format) -> list[list[str]]:
    return list(csv.reader(io.StringIO(gradebook_exports.table(book(), form), newline="")))


def test_csv_for_people() -> None:
    head, ada, evil, _ = rows("plain")
    assert head[4:] == ["one (of 3)", "two (of 5)", "points (of 8)", "notes"]
    assert ada == ["s01", "Ada", "ada@uni.example", "1001", "0", "5", "5", ""]
    assert evil[4:] == ["2", "", "2", "has s01's secret.flag"]


def test_csv_for_moodle() -> None:
    assert rows("moodle") == [
        ["ID number", "Email address", "Full name", "one", "two", "Total"],
        ["1001", "ada@uni.example", "Ada", "0", "5", "5"],
        ["sis-2", "'+x@uni.example", f"'{EVIL}", "2", "-", "2"],
        ["s03", "", "<script>alert(1)</script>", "-", "-", "-"],
    ]


def test_csv_for_canvas() -> None:
    assert rows("canvas") == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "one", "two"],
        ["Points Possible", "", "", "", "", "3", "5"],
        ["Ada", "1001", "", "ada@uni.example", "web", "0", "5"],
        [f"'{EVIL}", "", "sis-2", "'+x@uni.example", "web", "2", ""],
        ["<script>alert(1)</script>", "", "s03", "", "web", "", ""],
    ]


@pytest.mark.parametrize("form", ["plain", "moodle", "canvas"])
def test_no_cell_is_a_formula(form: gradebook_exports.Format) -> None:
    cells = [cell for row in rows(form) for cell in row if cell != "-"]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_junit_has_a_suite_for_each_student_and_exercise() -> None:
    root = ElementTree.fromstring(gradebook_exports.junit(book()))
    suites = [(suite.get("name"), suite.get("failures")) for suite in root]
    assert suites == [("s01: The first", "1"), ("s01: The first", "0"), ("s02: The first", "1")]


class Tags(HTMLParser):
    """The elements of a page, each closed in its turn."""

    VOID = frozenset({"meta", "rect"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.names: set[str] = set()
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [v or "" for k, v in attrs if k in ("href", "src", "action")]
        self.ids += [v or "" for k, v in attrs if k == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert tag in self.VOID or self.open.pop() == tag


def test_the_page_asks_nobody_and_runs_nothing() -> None:
    page = class_page(book())
    tags = Tags(page)
    assert not tags.open
    assert not tags.names & {"script", "link", "img", "iframe", "i", "b"}
    assert all(link.startswith("#") and link[1:] in tags.ids for link in tags.links)
    assert "has s01&#39;s secret.flag" in page
    assert "not tried" in page


def test_a_row_is_told_as_signs_as_soon_as_it_is_there(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "coloured", lambda stream: True)
    held, failed = run("1", "one", 3).records[0], run("1", "one", 1).records[0]
    unasked = replace(failed, attempts=0, points=0)
    checked = Run("web-s01", "1", "1", (held, failed, unasked), {"one": "The first"})
    with progress.Progress() as told:
        told("s01", "waiting")
        told("s02", "waiting")
        told("s01", class_matrix.signs(Row(Place(1, STUDENTS[0]), checked)))
        told("s02", class_matrix.signs(Row(Place(2, STUDENTS[1]), error="not\x1b[2J up\nat all")))
    seen = capsys.readouterr().err
    *_, first, second = seen.rstrip("\n").split("\n")
    assert "+x.  4/9" in first
    assert "\x1b[2J" not in second
    assert "up" in second
    assert "at all" not in seen
