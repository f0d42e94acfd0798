"""Grades of a class for other programs: CSV for spreadsheets, Moodle and Canvas, and JUnit's XML.

Whatever a roster says is text: no cell is a formula, no name is markup.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Literal
from xml.etree import ElementTree

from labctl.grades.exports import cell, suite
from labctl.grades.gradebook import Gradebook, Line
from labctl.grades.run import Run

Format = Literal["plain", "moodle", "canvas"]
Cells = Iterable[str | int]


def table(book: Gradebook, form: Format = "plain") -> str:
    """The grades as CSV (RFC 4180), a line for each student, with the columns that ``form`` wants.

    Moodle: "Import CSV file" of its gradebook, where the teacher maps ID number or mail address.
    Canvas: the form that it exports and imports, a second line with the points possible.
    """
    rows = {"plain": _plain, "moodle": _moodle, "canvas": _canvas}[form](book)
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    for row in rows:
        writer.writerow([cell(one) if isinstance(one, str) else one for one in row])
    return text.getvalue()


def _plain(book: Gradebook) -> Iterator[Cells]:
    columns = [f"{column.head} (of {column.of})" for column in book.columns]
    yield ["id", "name", "email", "lms_id", *columns, f"points (of {book.of})", "notes"]
    for line in book.lines:
        student = line.student
        who = [student.id, student.name, student.email, student.lms_id]
        yield [*who, *_points(line), line.points, "; ".join(line.notes)]


def _moodle(book: Gradebook) -> Iterator[Cells]:
    """A grade that there is not is ``-`` to Moodle."""
    yield ["ID number", "Email address", "Full name", *(c.head for c in book.columns), "Total"]
    for line in book.lines:
        student = line.student
        points = [one if one != "" else "-" for one in _points(line)]
        total = line.points if line.tried else "-"
        yield [student.lms_id or student.id, student.email, student.name, *points, total]


def _canvas(book: Gradebook) -> Iterator[Cells]:
    """Canvas knows students by its own ID, a number, or else by what the school calls them."""
    who = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
    yield [*who, *(column.head for column in book.columns)]
    yield ["Points Possible", "", "", "", "", *(column.of for column in book.columns)]
    for line in book.lines:
        student = line.student
        canvas = student.lms_id if student.lms_id.isdecimal() else ""
        school = "" if canvas else student.lms_id or student.id
        yield [student.name, canvas, school, student.email, book.name, *_points(line)]


def _points(line: Line) -> list[str | int]:
    """The points of each column, nothing where nothing was tried."""
    return [grade.points if grade.group else "" for grade in line.grades]


def junit(book: Gradebook) -> bytes:
    """The grades as JUnit's XML: a suite for each student and exercise, a case for each check."""
    root = ElementTree.Element("testsuites", name=book.name)
    for line in book.lines:
        for grade in line.grades:
            if grade.group:
                run = Run(line.student.id, grade.time, "", grade.group.records)
                root.append(suite(grade.group, run, f"{line.student.id}: {grade.group.title}"))
    ElementTree.indent(root)
    found: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return found + b"\n"
