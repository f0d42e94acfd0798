"""Students × checks, and students × exercises, as people and scripts read them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from labctl.cli.output import paint, table
from labctl.people import safe, width

if TYPE_CHECKING:
    from labctl.grades.gradebook import Grade, Gradebook
    from labctl.grades.run import Record
    from labctl.work.class_grades import Matrix, Row

_MARKS = {"holds": ("+", "green"), "fails": ("x", "red"), "unasked": (".", "yellow")}
_LEGEND = "+ holds   x does not hold   . not asked, for it needs another that does not hold"


def text(matrix: Matrix) -> str:
    """A line for each student with a sign for each check, and what the checks are."""
    up = sum(row.run is not None for row in matrix.rows)
    names = [who(row.place.id, row.place.student.name) for row in matrix.rows]
    widest = max(map(width, names), default=0)
    lines = [
        f"{name}{' ' * (widest - width(name))}  {_row(row)}"
        for name, row in zip(names, matrix.rows, strict=True)
    ]
    told = [f"{row.place.id}: {note}" for row in matrix.rows for note in _notes(row)]
    summary = [f"{up} of {len(matrix.rows)} sandboxes could be asked"]
    legend = ["", *_checks(matrix), "", _LEGEND] if up else []
    return "\n".join([*lines, *legend, *(["", *told] if told else []), "", *summary])


def who(student: str, name: str) -> str:
    """A student's id and name, safe on a terminal."""
    return f"{student}  {safe(name, 24)}"


def signs(row: Row) -> str:
    """The signs of a student's checks, exercises apart, and the points, without colours."""
    return _row(row, lambda text, _: text)


def _row(row: Row, paint: Callable[[str, str], str] = paint) -> str:
    if row.run is None:
        return paint(safe(row.error.partition("\n")[0], 100), "red")
    groups = (
        "".join(paint(*_MARKS[_state(record)]) for record in group.records)
        for group in row.run.groups
    )
    return f"{' '.join(groups)}  {row.run.points}/{row.run.of}"


def _state(record: Record) -> str:
    return "unasked" if not record.attempts else "holds" if record.passed else "fails"


def _checks(matrix: Matrix) -> Iterator[str]:
    """The checks in the order of the signs, and for how many of the students each holds."""
    asked: Counter[tuple[str, str]] = Counter()
    held: Counter[tuple[str, str]] = Counter()
    titles: dict[str, str] = {}
    for row in matrix.rows:
        for group in row.run.groups if row.run else ():
            titles.setdefault(group.name, group.name or "the lab itself")
            for record in group.records:
                key = group.name, _general(record.check, row, matrix)
                asked[key] += 1
                held[key] += record.passed
    for number, (name, title) in enumerate(titles.items(), 1):
        yield paint(f"{number}. {title}", "bold")
        for key in asked:
            if key[0] == name:
                yield f"  {held[key]:3} of {asked[key]}  {key[1]}"


def _general(check: str, row: Row, matrix: Matrix) -> str:
    """A check's name for all students: their own domains are told by a star."""
    return check.replace(f"{row.place.id}.{matrix.domain}", f"*.{matrix.domain}")


def _notes(row: Row) -> Iterator[str]:
    """What a teacher should know of a student's run."""
    yield from dict.fromkeys(map(str, row.leaks))
    late = [group.name for group in row.run.groups if not group.begun] if row.run else ()
    if late:
        yield f"not begun, so not asked: {', '.join(late)}"
    if row.trouble:
        yield f"this run is not kept: {row.trouble}"


def as_json(matrix: Matrix) -> dict[str, Any]:
    """The matrix for scripts: each student with their run, or why there is none."""
    return {"class": matrix.name, "students": [_row_json(row) for row in matrix.rows]}


def _row_json(row: Row) -> dict[str, Any]:
    from labctl.grades.run import record_as_json

    leaks = [*dict.fromkeys(map(str, row.leaks))]
    found: dict[str, Any] = {"id": row.place.id, "error": row.error, "leaks": leaks}
    found["notes"] = [*_notes(row)]
    if row.run:
        found |= {"run": row.run.id, "time": row.run.time, "points": row.run.points}
        found |= {"of": row.run.of, "checks": [record_as_json(one) for one in row.run.records]}
    return found


def grades(book: Gradebook) -> str:
    """A line for each student with the points of each exercise."""
    heads = ["STUDENT", *(column.head for column in book.columns), f"of {book.of}", ""]
    rows = [
        [
            who(line.student.id, line.student.name),
            *(_points(grade) for grade in line.grades),
            str(line.points),
            "; ".join(line.notes),
        ]
        for line in book.lines
    ]
    of = ["", *(f"of {column.of}" for column in book.columns), "", ""]
    return table([of, *rows], heads)


def _points(grade: Grade) -> str:
    """What an exercise brought, and in how many attempts where there were several."""
    if grade.group is None:
        return "-"
    return f"{grade.points}" + (f" ({grade.attempts})" if grade.attempts > 1 else "")
