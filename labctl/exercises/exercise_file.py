"""``exercise.yml``: what an exercise is called, and what must hold once it is solved."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Annotated

from labctl.model import PlatformName
from labctl.platforms import NAMES
from labctl.spec import checks, document
from labctl.spec.checks import CheckSpec
from labctl.spec.document import Mapping, Node
from labctl.spec.fields import Choice, Doc, Many, Switch, Text
from labctl.spec.problems import InvalidLab, Problem, nearest, shown
from labctl.spec.reader import Reader, fields_of, is_wrong


@dataclass(frozen=True, slots=True)
class ExerciseKeys:
    """Keys of ``exercise.yml``."""

    title: Annotated[str, Text(120), Doc("what there is to do, in one line")]
    breaks: Annotated[
        tuple[str, ...],
        Many(Text(200)),
        Doc("names of checks of the lab's own that need not hold after the solution"),
    ] = ()
    platforms: Annotated[
        tuple[PlatformName, ...],
        Many(Choice(*NAMES)),
        Doc("on which platforms it can be done; on all"),
    ] = ()
    anywhere: Annotated[
        bool,
        Switch(),
        Doc("a server of the learner's own will do (`labctl check LAB --target URL`)"),
    ] = False


CHECKS = "what must hold once it is solved, as under `checks:` of a lab file"


@dataclass(frozen=True, slots=True)
class ExerciseFile:
    """What an exercise's file says."""

    title: str
    checks: tuple[CheckSpec, ...]
    breaks: frozenset[str] = frozenset()
    platforms: tuple[PlatformName, ...] = ()
    anywhere: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """What was read (None where that is no exercise), with all problems and the file's lines."""

    said: ExerciseFile | None
    problems: tuple[Problem, ...]
    lines: tuple[str, ...]


def read(data: bytes, file: str, lesson: str, machines: Collection[str]) -> Read:
    """Read an exercise's file; ``lesson`` is its text, ``machines`` as of `reader.exercises`."""
    try:
        parsed = document.parse(data, file)
    except InvalidLab as invalid:
        return Read(None, invalid.problems, invalid.lines)
    reader = Reader(parsed)
    said = _said(parsed.root, reader, lesson, machines)
    return Read(said, tuple(reader.problems), tuple(parsed.lines))


def _said(
    root: Node, reader: Reader, lesson: str, machines: Collection[str]
) -> ExerciseFile | None:
    if not isinstance(root, Mapping):
        reader.complain(root.mark, (), "an exercise has keys and values", "`title:` and `checks:`")
        return None
    known = fields_of(ExerciseKeys)
    reader.unknown(root, (), {**known, "checks": None})
    values = reader.each(known, root, ())
    found = _checks(root, reader)
    if machines:
        checks.judge(found, reader, ("checks",), machines, machines)
    headings = set(anchors(lesson))
    for check in found:
        if check.lesson and anchor(check.lesson) not in headings and lesson:
            place = ("checks", check.number, "lesson")
            message = f"the lesson has no heading '{shown(check.lesson)}'"
            reader.complain(reader.at(place), place, message, nearest(check.lesson, headings))
    if is_wrong(values):
        return None
    breaks = frozenset(values["breaks"])
    title, platforms = values["title"], values["platforms"]
    return ExerciseFile(title, found, breaks, platforms, values["anywhere"])


def _checks(root: Mapping, reader: Reader) -> tuple[CheckSpec, ...]:
    """The checks; an exercise without any, or with none that it takes solving for, is none."""
    if "checks" not in root.items:
        reader.complain(root.mark, (), "'checks' is missing", f"`checks:` {CHECKS}")
        return ()
    node = root.items["checks"][1]
    before = len(reader.problems)
    found = checks.read_checks(node, reader, ("checks",))
    if len(reader.problems) == before and all(check.before for check in found):
        message = "nothing here has to be solved: no check that does not hold before"
        reader.complain(node.mark, ("checks",), message, CHECKS)
    return found


def anchors(lesson: str) -> Iterator[str]:
    """The anchors of a lesson's headings (Markdown), as most programs make them."""
    fenced = False
    for line in lesson.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif not fenced and (heading := re.match(r"#{1,6} +(.*)", line)):
            yield anchor(heading[1])


def anchor(heading: str) -> str:
    """A heading's anchor: lower case, hyphens for spaces, without signs."""
    kept = "".join(c for c in heading.strip().lower() if c.isalnum() or c in " -_")
    return kept.replace(" ", "-")
