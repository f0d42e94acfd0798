"""YAML (1.1 syntax) as nodes that know their place.

Only what a lab file needs: mappings, sequences and text. Scalars stay text, so that ``no``,
``0123`` and ``22:22`` are what was typed; the field that reads one gives it a type. Tags are
refused, aliases are followed but bounded, and so are size and depth: a hostile file costs
nothing and raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from labctl.spec.problems import InvalidLab, Mark, Problem, shown

MAX_BYTES = 2**20
MAX_DEPTH = 24
MAX_NODES = 200_000
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(slots=True)
class Scalar:
    """Text, and whether it was written plain (unquoted)."""

    value: str
    mark: Mark
    plain: bool = True


@dataclass(slots=True)
class Sequence:
    """A list of nodes."""

    items: list[Node]
    mark: Mark


@dataclass(slots=True)
class Mapping:
    """Keys with their places, and values; ``size`` counts nodes with aliases followed."""

    items: dict[str, tuple[Scalar, Node]]
    mark: Mark


Node = Scalar | Sequence | Mapping


@dataclass(slots=True)
class Document:
    """A parsed file: its name for messages, its lines, its root node and what was wrong."""

    file: str
    lines: list[str]
    root: Node
    problems: list[Problem] = field(default_factory=list)


def parse(data: bytes, file: str) -> Document:
    """Parse a lab file; InvalidLab where it is no YAML that can be read further."""
    text = _decode(data, file)
    lines = text.splitlines()
    composer = _Composer(file, text)
    try:
        root = composer.document()
    except yaml.YAMLError as error:
        raise InvalidLab([_syntax(error, file)], lines) from None
    except _Refused as refused:
        raise InvalidLab([refused.problem], lines) from None
    return Document(file, lines, root, composer.problems)


def _decode(data: bytes, file: str) -> str:
    start = Mark(1, 1)
    if len(data) > MAX_BYTES:
        size = f"{len(data) / 2**20:.1f} MiB"
        raise InvalidLab(
            [
                Problem(
                    file,
                    start,
                    "",
                    f"the file has {size}; a lab file has at most {MAX_BYTES // 2**20} MiB",
                    "is this the right file?",
                )
            ]
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise InvalidLab(
            [Problem(file, Mark(line, column), "", "not UTF-8 text", "save the file as UTF-8")]
        ) from None
    for number, line_text in enumerate(text.split("\n"), 1):
        for column, character in enumerate(line_text, 1):
            if is_control(character) and character not in "\t\r":
                problem = Problem(
                    file,
                    Mark(number, column),
                    "",
                    f"control character U+{ord(character):04X}",
                    "remove it",
                )
                raise InvalidLab([problem], text.split("\n"))
    return text


def is_control(character: str) -> bool:
    """Whether a character is one of Unicode's controls (C0, DEL, C1)."""
    return character < " " or "\x7f" <= character < "\xa0"


def _syntax(error: yaml.YAMLError, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    place = Mark(mark.line + 1, mark.column + 1) if mark else Mark(1, 1)
    reason = getattr(error, "problem", None) or "cannot be read"
    context = getattr(error, "context", None)
    return Problem(
        file,
        place,
        "",
        f"not YAML: {context + ': ' if context else ''}{reason}",
        "check indentation, colons and quotes",
    )


class _Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class _Composer:
    """Builds nodes from the parser's events, without recursion into the file's depth."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.nodes = 0

    def characters(self, event: Any) -> None:
        """Complain of a control character written as an escape, which no line shows."""
        bad = next((c for c in event.value if is_control(c) and c not in "\n\r\t"), "")
        if bad:
            message = f"control character U+{ord(bad):04X}"
            self.problems.append(Problem(self.file, _mark(event), "", message, "remove it"))

    def document(self) -> Node:
        root: Node = Mapping({}, Mark(1, 1))
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self.refuse(event, "a second document begins here", "one lab a file")
                event = next(self.events)
                root = self.node(event, 0)
        return root

    def refuse(self, event: Any, message: str, hint: str) -> _Refused:
        return _Refused(Problem(self.file, _mark(event), "", message, hint))

    def count(self, event: Any, nodes: int = 1) -> None:
        self.nodes += nodes
        if self.nodes > MAX_NODES:
            raise self.refuse(
                event, f"more than {MAX_NODES:,} values", "aliases multiply what they repeat"
            )

    def node(self, event: Any, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self.refuse(event, f"nested more than {MAX_DEPTH} deep", "a lab file is flat")
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        if event.tag and event.tag != "!":
            raise self.refuse(event, f"the tag '{shown(event.tag)}' is not allowed", "remove it")
        before = self.nodes
        self.count(event)
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = Scalar(event.value, _mark(event), event.style in (None, ""))
            self.characters(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = self.sequence(event, depth)
        else:
            node = self.mapping(event, depth)
        if event.anchor:
            self.anchors[event.anchor] = (node, self.nodes - before)
        return node

    def alias(self, event: Any) -> Node:
        if event.anchor not in self.anchors:
            raise self.refuse(
                event,
                f"the alias *{event.anchor} has no anchor before it",
                f"a value that starts with * needs quotes: '*{event.anchor}'",
            )
        node, size = self.anchors[event.anchor]
        self.count(event, size)
        return node

    def sequence(self, start: Any, depth: int) -> Sequence:
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, depth + 1))
        return Sequence(items, _mark(start))

    def mapping(self, start: Any, depth: int) -> Mapping:
        items: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, depth + 1)
            if not isinstance(key, Scalar):
                raise self.refuse(event, "a key is a word, not a list or a mapping", "")
            value = self.node(next(self.events), depth + 1)
            if key.value in items:
                first = items[key.value][0].mark.line
                self.problems.append(
                    Problem(
                        self.file,
                        key.mark,
                        key.value,
                        f"given twice (first in line {first})",
                        "remove one",
                    )
                )
            else:
                items[key.value] = (key, value)
        return Mapping(items, _mark(start))


def _mark(event: Any) -> Mark:
    start, end = event.start_mark, event.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return Mark(start.line + 1, start.column + 1, max(1, width))
