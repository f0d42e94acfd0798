"""A roster: the students of a class, from the file that a spreadsheet or a course system writes.

Pure: bytes in, students out, or every problem at once with its place.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from labctl.classes import cells
from labctl.classes.cells import Cell, Row
from labctl.spec.document import is_control
from labctl.spec.problems import InvalidLab, Mark, Problem, shown

MAX_STUDENTS = 10_000
_FORM = re.compile(r"[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9]))*")
_MAIL = re.compile(r"[^@\s\"<>,;]+@[^@\s\"<>,;]+")
_LENGTHS = {"id": 20, "name": 200, "email": 254, "lms_id": 100, "key": 4000}
REQUIRED = ("id", "name")
# as course systems head their columns; compared without case, spaces, hyphens and underscores
SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "student", "studentid", "user", "username", "login"),
    "name": ("name", "fullname", "studentname", "displayname"),
    "email": ("email", "mail", "emailaddress"),
    "lms_id": ("lmsid", "lms", "moodleid", "canvasid", "sisid", "sisuserid"),
    "key": ("key", "sshkey", "publickey", "sshpublickey"),
}
_COLUMNS = {synonym: column for column, words in SYNONYMS.items() for synonym in words}
_KEYS = frozenset({
    "ssh-ed25519", "sk-ssh-ed25519@openssh.com", "ssh-rsa", "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "sk-ecdsa-sha2-nistp256@openssh.com",
})  # fmt: skip
_LABEL_HINT = "lower-case letters, digits and single hyphens, at most 20 characters"


@dataclass(frozen=True, slots=True)
class Student:
    """One line of a roster; all but the id is text that nothing is made of.

    ``key`` is an SSH public key as of a line of ``authorized_keys`` (sshd(8)), without options
    and without a comment.
    """

    id: str
    name: str
    email: str = ""
    lms_id: str = ""
    key: str = ""


class InvalidRoster(InvalidLab):
    """A roster with problems: all of them, in the order of the file."""


def read(data: bytes, file: str, taken: Mapping[str, str] | None = None) -> tuple[Student, ...]:
    """The students of a roster, in its order; InvalidRoster with everything that is wrong.

    ``taken`` are ids that no student can have, each with the reason.
    """
    if len(data) > cells.MAX_BYTES:
        message = f"{len(data) / 2**20:.1f} MiB; a roster has at most {cells.MAX_BYTES >> 20}"
        raise InvalidRoster([Problem(file, Mark(1, 1), "", message, "is this the right file?")])
    text = cells.decoded(data)
    reading = _Reading(file, taken or {})
    students = reading.students(text)
    if reading.problems:
        raise InvalidRoster(reading.problems, cells.lines_of(text))
    return students


class _Reading:
    """Reads one roster and gathers its problems."""

    def __init__(self, file: str, taken: Mapping[str, str]) -> None:
        self.file, self.taken = file, taken
        self.problems: list[Problem] = []
        self.seen: dict[tuple[str, str], int] = {}

    def students(self, text: str) -> tuple[Student, ...]:
        """What can be read; complete where there are no problems."""
        rows = iter(cells.rows(text, self.file, self.problems))
        head = next(rows, None)
        if head is None:
            self.complain(Mark(1, 1), "", "the file is empty", _example())
            return ()
        columns = self.columns(head)
        found = [self.student(row, columns, len(head)) for row in rows] if columns else []
        if columns and not found:
            self.complain(head[0].mark, "", "there is no student below the heads", _example())
        if len(found) > MAX_STUDENTS:
            message = f"{len(found)} students; a class has at most {MAX_STUDENTS}"
            self.complain(Mark(1, 1), "", message, "make several classes")
        return tuple(found)

    def columns(self, head: Row) -> dict[str, int]:
        """Where each column stands; empty where a required one is missing."""
        found: dict[str, int] = {}
        for number, cell in enumerate(head):
            column = _COLUMNS.get(re.sub(r"[\s_-]", "", cell.text.casefold()))
            if column in found:
                message = f"a second column for {column}"
                self.complain(cell.mark, shown(cell.text), message, "leave one of them out")
            elif column:
                found[column] = number
        missing = [column for column in REQUIRED if column not in found]
        for column in missing:
            hint = f"the first line has {_heads(head)}: call one of them '{column}', or add it"
            self.complain(head[0].mark, "", f"the column '{column}' is missing", hint)
        return {} if missing else found

    def student(self, row: Row, columns: Mapping[str, int], width: int) -> Student:
        """One line."""
        for cell in row[width:]:
            if cell.text:
                message = "more cells than the first line has heads"
                self.complain(cell.mark, "", message, "a cell with a comma in it needs quotes")
                break
        nothing = Cell("", row[0].mark)
        values = {
            column: self.value(column, row[number] if number < len(row) else nothing)
            for column, number in columns.items()
        }
        return Student(**values)

    def value(self, column: str, cell: Cell) -> str:
        """A cell's text, judged."""
        text = cell.text
        if not text:
            if column in REQUIRED:
                self.complain(cell.mark, column, "the cell is empty", _EMPTY[column])
            return ""
        wrong = _unfit(text, _LENGTHS[column]) or self.judged(column, text)
        if wrong:
            self.complain(cell.mark, column, *wrong)
        if column in ("id", "lms_id"):
            self.once(column, cell)
        if column == "key":
            return " ".join(text.split()[:2])
        return as_id(text) if column == "id" else text

    def judged(self, column: str, text: str) -> tuple[str, str] | None:
        """What is wrong with a cell of this column: a message and a hint; None where nothing is."""
        if column == "id":
            return self.bad_id(text)
        if column == "email" and not _MAIL.fullmatch(text):
            return f"'{shown(text)}' is not a mail address", "leave the cell empty, or mend it"
        if column == "key" and not is_key(text):
            return (
                "this is not an SSH public key",
                "one line as in id_ed25519.pub: ssh-ed25519 AAAA…, without options",
            )
        return None

    def bad_id(self, text: str) -> tuple[str, str] | None:
        if _FORM.fullmatch(as_id(text)):
            why = self.taken.get(as_id(text))
            return (f"'{text}' cannot be a student's id: {why}", "take another id") if why else None
        like = _label_like(text)
        hint = f"for example {like}: {_LABEL_HINT}" if like else _LABEL_HINT
        return f"'{shown(text)}' is not an id that host names can have", hint

    def once(self, column: str, cell: Cell) -> None:
        """No two students have the same."""
        key = (column, cell.text.casefold())
        first = self.seen.setdefault(key, cell.mark.line)
        if first != cell.mark.line:
            message = f"'{shown(cell.text)}' is in line {first} already"
            self.complain(cell.mark, column, message, f"no two students have the same {column}")

    def complain(self, mark: Mark, path: str, message: str, hint: str) -> None:
        self.problems.append(Problem(self.file, mark, path, message, hint))


_EMPTY = {"id": _LABEL_HINT, "name": "write what the student is called"}


def _unfit(text: str, length: int) -> tuple[str, str] | None:
    """What no cell may be: too long, of several lines, or with control characters."""
    if len(text) > length:
        return f"{len(text)} characters; at most {length} fit", "is this the right column?"
    for character in text:
        if character in "\r\n\u2028\u2029":
            return "one line is expected, not several", "take the line break out of the cell"
        if is_control(character) and character != "\t":
            return f"control character U+{ord(character):04X}", "remove it"
    return None


def is_key(text: str) -> bool:
    """Whether a text is an SSH public key (RFC 4253 section 6.6), without options before it."""
    words = text.split()
    if len(words) < 2 or words[0] not in _KEYS:
        return False
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError):
        return False
    name = words[0].encode()
    return blob.startswith(len(name).to_bytes(4, "big") + name) and len(blob) > len(name) + 8


def as_id(text: str) -> str:
    """A student's id as it is kept, whatever its case: it is part of host names (RFC 4343)."""
    return text.lower() if text.isascii() else text


def _heads(head: Iterable[Cell]) -> str:
    return ", ".join(f"'{shown(cell.text, 30)}'" for cell in head if cell.text)[:300]


def _label_like(text: str) -> str:
    """An id that looks like a text, "" where none does."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:20].strip("-")


def _example() -> str:
    return "the first line has the heads: id, name, email, lms_id, key; then a line a student"


def changed(
    before: Sequence[Student], after: Sequence[Student]
) -> tuple[list[Student], list[str], list[Student]]:
    """Two rosters compared: who is added, whose id is gone, and whose data has changed."""
    old = {student.id: student for student in before}
    new = {student.id: student for student in after}
    added = [student for student in after if student.id not in old]
    gone = [student.id for student in before if student.id not in new]
    other = [one for one in after if one.id in old and old[one.id] != one]
    return added, gone, other
