"""Problems: what is wrong in an input, where, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from labctl.errors import LabctlError

_SHOWN = 160


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file: line and column count from 1, ``width`` characters are meant."""

    line: int
    column: int
    width: int = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong: the keys that lead to it (``services.blog.port``) and why."""

    file: str
    mark: Mark
    path: str
    message: str
    hint: str = ""

    def text(self, lines: Sequence[str] = ()) -> str:
        """The problem as people read it, with its line of the file and a caret below."""
        where = f"{self.file}:{self.mark.line}:{self.mark.column}"
        subject = f"{self.path}: " if self.path else ""
        parts = [f"{where}: {subject}{self.message}"]
        if 0 < self.mark.line <= len(lines):
            parts += _excerpt(lines[self.mark.line - 1], self.mark)
        if self.hint:
            parts.append(f"hint: {self.hint}")
        return "\n".join(parts)


def _excerpt(line: str, mark: Mark) -> list[str]:
    line = printable(line.rstrip("\r\n"))
    start = max(0, mark.column - 1 - _SHOWN // 2)
    shown = line[start : start + _SHOWN]
    column = mark.column - 1 - start
    width = max(1, min(mark.width, len(shown) - column))
    number = f"{mark.line:5} | "
    return [f"{number}{shown}", " " * (len(number) + column) + "^" * width]


def printable(text: str) -> str:
    """The text with control characters made visible, safe on a terminal."""
    return "".join(
        c if c.isprintable() else ("\N{REPLACEMENT CHARACTER}" if c != "\t" else " ") for c in text
    )


def shown(value: str, length: int = 60) -> str:
    """A value as it may be quoted in a message: printable and short."""
    value = printable(value)
    return value if len(value) <= length else value[: length - 1] + "…"


def nearest(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or lists them all."""
    names = sorted(known)
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return "one of: " + ", ".join(names) if names else ""


class InvalidLab(LabctlError):
    """A lab file with problems; ``problems`` has all of them in the order of the file.

    Where they are in several files, ``lines`` are those of each by its name.
    """

    def __init__(
        self, problems: Iterable[Problem], lines: Sequence[str] | Mapping[str, Sequence[str]] = ()
    ) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.mark, p.message)))
        several = lines if isinstance(lines, Mapping) else {}
        self.lines = () if isinstance(lines, Mapping) else tuple(lines)
        texts = (problem.text(several.get(problem.file, self.lines)) for problem in self.problems)
        text = "\n".join(texts)
        super().__init__(text, status=2)
