"""What the students of a class have reached: exercises as columns, of each one attempt. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from labctl.classes.record import Place
from labctl.classes.roster import Student
from labctl.grades.leaks import Leak
from labctl.grades.run import Group, Run

Which = Literal["last", "best"]


@dataclass(frozen=True, slots=True)
class Column:
    """An exercise that is graded, or the lab itself (``name`` is empty), and its points."""

    name: str
    title: str
    of: int

    @property
    def head(self) -> str:
        """What a table calls it."""
        return self.name or "lab"


@dataclass(frozen=True, slots=True)
class Grade:
    """What a student has reached in a column: the group of the run that counts, None for none."""

    group: Group | None = None
    time: str = ""
    attempts: int = 0

    @property
    def points(self) -> int:
        """Points, 0 where nothing was tried."""
        return self.group.points if self.group else 0


@dataclass(frozen=True, slots=True)
class Line:
    """One student with a grade for each column, and others' secrets seen with them."""

    student: Student
    grades: tuple[Grade, ...]
    leaks: tuple[Leak, ...] = ()

    @property
    def points(self) -> int:
        """What was reached in all."""
        return sum(grade.points for grade in self.grades)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a teacher should know: ``has s03's secret.flag``."""
        return tuple(dict.fromkeys(map(str, self.leaks)))

    @property
    def tried(self) -> bool:
        """Whether there is any attempt."""
        return any(grade.group for grade in self.grades)


@dataclass(frozen=True, slots=True)
class Gradebook:
    """The grades of a class."""

    name: str
    which: Which
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]

    @property
    def of(self) -> int:
        """What can be reached in all."""
        return sum(column.of for column in self.columns)


def made(
    name: str,
    columns: Sequence[Column],
    kept: Iterable[tuple[Place, Sequence[Run]]],
    leaks: Iterable[Leak],
    which: Which,
) -> Gradebook:
    """The grades from each student's kept runs, the oldest first."""
    found = tuple(leaks)
    lines = tuple(
        Line(
            place.student,
            tuple(_grade(column, runs, which) for column in columns),
            tuple(leak for leak in found if leak.holder == place.id),
        )
        for place, runs in kept
    )
    return Gradebook(name, which, tuple(columns), lines)


def _grade(column: Column, runs: Sequence[Run], which: Which) -> Grade:
    """The attempt that counts; of several equally good ones the first."""
    own = [run for run in runs if not run.target]
    groups = ((group, run) for run in own for group in run.groups if group.begun)
    tried = [(group, run) for group, run in groups if group.name == column.name]
    if not tried:
        return Grade()
    group, run = tried[-1] if which == "last" else max(tried, key=lambda one: one[0].points)
    return Grade(group, run.time, len(tried))


def as_json(book: Gradebook) -> dict[str, Any]:
    """The grades as JSON."""
    return {
        "class": book.name,
        "attempt": book.which,
        "exercises": [{"name": c.name, "title": c.title, "of": c.of} for c in book.columns],
        "students": [_line(line, book) for line in book.lines],
    }


def _line(line: Line, book: Gradebook) -> dict[str, Any]:
    student = line.student
    return {
        "id": student.id,
        "name": student.name,
        "email": student.email,
        "lms_id": student.lms_id,
        "points": line.points,
        "of": book.of,
        "exercises": {
            column.head: {"points": grade.points, "of": column.of, "attempts": grade.attempts,
                          "time": grade.time}
            for column, grade in zip(book.columns, line.grades, strict=True)
        },
        "leaks": [
            {"owner": one.owner, "secret": one.secret, "exercise": one.exercise, "check": one.check}
            for one in line.leaks
        ],
    }  # fmt: skip
