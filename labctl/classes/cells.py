"""A table as spreadsheets write it (CSV, RFC 4180, and what Excel makes of it), with places.

Pure. Encodings: UTF-8 and UTF-16 with or without a byte order mark, else Windows-1252, else
Latin-1. Delimiters: comma, semicolon or tab; Excel's first line ``sep=;`` is understood.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from labctl.spec.problems import Mark, Problem

DELIMITERS = (",", ";", "\t")
MAX_BYTES = 16 * 2**20
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_NEWLINE = re.compile(r"\r\n|\r|\n")
_SEP = re.compile(r"sep=(.)(?:\r\n|\r|\n|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell's text without spaces around it, and where it is."""

    text: str
    mark: Mark


Row = tuple[Cell, ...]


def decoded(data: bytes) -> str:
    """The text of a file, whichever program wrote it; never an error."""
    for mark, name in _BOMS:
        if data.startswith(mark):
            return data[len(mark) :].decode(name, errors="replace")
    if wide := _wide(data[:400]):
        return data.decode(wide, errors="replace")
    for name in ("utf-8", "cp1252"):
        try:
            return data.decode(name)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _wide(head: bytes) -> str:
    """The form of UTF-16 that text without a mark is in: every other octet of ASCII is 0."""
    half = len(head) // 2
    if half and head[1::2].count(0) > 0.7 * half:
        return "utf-16-le"
    return "utf-16-be" if half and head[0::2].count(0) > 0.7 * half else ""


def lines_of(text: str) -> list[str]:
    """The lines of a text as cells count them."""
    return _NEWLINE.split(text)


def delimiter(text: str) -> tuple[str, int]:
    """What separates the cells, and how many characters of the text to leave out for saying so."""
    if said := _SEP.match(text):
        return said[1], said.end()
    first = next((line for line in lines_of(text[:10_000]) if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(DELIMITERS, key=bare.count), 0


def rows(text: str, file: str, problems: list[Problem]) -> Iterator[Row]:
    """The rows that have anything in them; what cannot be read is added to the problems."""
    separator, start = delimiter(text)
    end = re.escape(separator)
    # a quoted cell and what follows it up to the next separator, or a plain cell
    token = re.compile(
        rf'(?:[ ]*"(?P<quoted>(?:[^"]++|"")*+)(?P<close>"?)(?P<rest>[^{end}\r\n]*+)'
        rf"|(?P<plain>[^{end}\r\n]*+))(?P<end>{end}|\r\n|\r|\n|\Z)"
    )
    reader = _Reader(file, problems, 2 if start else 1)
    row: list[Cell] = []
    while start <= len(text) and (found := token.match(text, start)):
        row.append(reader.cell(found))
        if found["end"] != separator or not found["end"]:
            if any(cell.text for cell in row):
                yield tuple(row)
            row = []
        if not found["end"]:
            return
        start = found.end()


class _Reader:
    """Makes cells of what the pattern finds, and counts lines and columns."""

    def __init__(self, file: str, problems: list[Problem], line: int) -> None:
        self.file, self.problems = file, problems
        self.line, self.column = line, 1

    def cell(self, found: re.Match[str]) -> Cell:
        """One cell, and the place after it."""
        whole = found[0][: len(found[0]) - len(found["end"])]
        mark = Mark(self.line, self.column, max(1, len(whole.splitlines()[0]) if whole else 1))
        text = found["plain"]
        if text is None:
            text = found["quoted"].replace('""', '"')
            self._judge(found, mark)
        self._move(whole, found["end"])
        return Cell(text.strip(), mark)

    def _judge(self, found: re.Match[str], mark: Mark) -> None:
        """A quoted cell has an end, and nothing follows it."""
        hint = 'a quote within a cell is written twice: ""'
        if not found["close"]:
            self._complain(mark, "the quote that opens here is never closed", hint)
        elif found["rest"].strip():
            self._complain(mark, "text follows the closing quote of this cell", hint)

    def _complain(self, mark: Mark, message: str, hint: str) -> None:
        self.problems.append(Problem(self.file, mark, "", message, hint))

    def _move(self, whole: str, end: str) -> None:
        parts = _NEWLINE.split(whole) if "\n" in whole or "\r" in whole else (whole,)
        self.line += len(parts) - 1
        self.column = len(parts[-1]) + 1 + (self.column - 1 if len(parts) == 1 else 0)
        if end in ("\r\n", "\r", "\n"):
            self.line, self.column = self.line + 1, 1
        else:
            self.column += len(end)
