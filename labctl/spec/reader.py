"""From nodes to dataclasses, by the fields' types; what is wrong is noted, never raised."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping as MappingABC
from dataclasses import dataclass
from keyword import iskeyword
from typing import Any, get_type_hints

from labctl.spec.document import Document, Mapping, Node, Scalar, Sequence
from labctl.spec.fields import Choice, Doc, Many, Table, Type, Wrong
from labctl.spec.problems import Mark, Problem, nearest, shown

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a mapping: its name, type, meaning and whether it may be left out."""

    name: str
    type: Any
    doc: str
    required: bool
    default: Any


_KNOWN: dict[type[Any], MappingABC[str, Field]] = {}


def fields_of(cls: type[Any]) -> MappingABC[str, Field]:
    """The fields of an annotated dataclass, by the key that the lab file uses."""
    if cls not in _KNOWN:
        _KNOWN[cls] = _fields(cls)
    return _KNOWN[cls]


def _fields(cls: type[Any]) -> MappingABC[str, Field]:
    hints = get_type_hints(cls, include_extras=True)
    found = {}
    for item in dataclasses.fields(cls):
        metadata = getattr(hints[item.name], "__metadata__", ())
        kind = next((m for m in metadata if not isinstance(m, Doc)), None)
        doc = next((m.text for m in metadata if isinstance(m, Doc)), "")
        if kind is None:
            continue
        default = item.default
        if item.default_factory is not dataclasses.MISSING:
            default = item.default_factory()
        required = default is dataclasses.MISSING
        key = item.name.rstrip("_").replace("_", "-")
        found[key] = Field(key, kind, doc, required, None if required else default)
    return found


class Reader:
    """Reads one document: ``marks`` says where values stand, ``problems`` what is wrong."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.problems: list[Problem] = list(document.problems)
        self.marks: dict[Path, Mark] = {}
        self.keys: dict[Path, Mark] = {}

    def complain(self, mark: Mark, path: Path, message: str, hint: str = "") -> None:
        """Note a problem at a place."""
        text = shown(".".join(map(str, path)), 120)
        self.problems.append(Problem(self.document.file, mark, text, message, hint))

    def at(self, path: Path) -> Mark:
        """Where the value of ``path`` stands, or the nearest thing around it that does."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path, Mark(1, 1))

    def at_key(self, path: Path) -> Mark:
        """Where the key of ``path`` stands, or the nearest value around it."""
        return self.keys.get(path) or self.at(path)

    def record(self, cls: type[Any], node: Node, path: Path) -> Any:
        """An instance of a dataclass, or None where a field of it is wrong."""
        node = self.longhand(cls, node)
        if not isinstance(node, Mapping):
            self.complain(node.mark, path, f"{_words(node)} where keys and values are expected")
            return None
        values = self.values(fields_of(cls), node, path)
        self.unknown(node, path, fields_of(cls))
        return None if values is None else made(cls, values)

    @staticmethod
    def longhand(cls: type[Any], node: Node) -> Node:
        """A single value, as the field of the dataclass that it stands for."""
        shorthand = getattr(cls, "SHORTHAND", None)
        if shorthand and isinstance(node, Scalar):
            return Mapping({shorthand: (Scalar(shorthand, node.mark), node)}, node.mark)
        return node

    def unknown(self, node: Mapping, path: Path, known: MappingABC[str, Any]) -> None:
        """Complain of keys that nobody knows."""
        for name, (key, _) in node.items.items():
            if name not in known:
                self.complain(key.mark, path, f"unknown key '{shown(name)}'", nearest(name, known))

    def values(
        self, fields: MappingABC[str, Field], node: Mapping, path: Path
    ) -> dict[str, Any] | None:
        """The values of some fields by name, or None where one is wrong or missing."""
        found = self.each(fields, node, path)
        return None if any(is_wrong(value) for value in found.values()) else found

    def each(self, fields: MappingABC[str, Field], node: Mapping, path: Path) -> dict[str, Any]:
        """The values of some fields by name, WRONG for those that are wrong or missing."""
        self.marks[path] = node.mark
        found: dict[str, Any] = {}
        for field in fields.values():
            if field.name in node.items:
                key, value = node.items[field.name]
                self.keys[(*path, field.name)] = key.mark
                self.marks[(*path, field.name)] = value.mark
                found[field.name] = self.value(field.type, value, (*path, field.name))
            elif field.required:
                hint = f"`{field.name}:` {field.doc}"
                self.complain(self.at_key(path), path, f"'{field.name}' is missing", hint)
                found[field.name] = WRONG
            else:
                found[field.name] = field.default
        return found

    def value(self, kind: Any, node: Node, path: Path) -> Any:
        """A value of a field's type, or WRONG."""
        self.marks[path] = node.mark
        if isinstance(kind, Many):
            return self.many(kind, node, path)
        if isinstance(kind, Table):
            return self.table(kind, node, path)
        if isinstance(kind, type):
            record = self.record(kind, node, path)
            return WRONG if record is None else record
        return self.scalar(kind, node, path)

    def scalar(self, kind: Type, node: Node, path: Path) -> Any:
        """A single value, or WRONG."""
        if not isinstance(node, Scalar):
            self.complain(node.mark, path, f"{_words(node)} where {_plain(kind)} is expected")
            return WRONG
        if node.plain and node.value in ("", "~", "null"):
            self.complain(node.mark, path, f"nothing where {_plain(kind)} is expected")
            return WRONG
        try:
            return kind.read(node.value)
        except Wrong as wrong:
            self.complain(node.mark, path, wrong.message, wrong.hint)
            return WRONG

    def many(self, kind: Many, node: Node, path: Path) -> Any:
        """A tuple of values, or WRONG."""
        if isinstance(node, Mapping):
            self.complain(node.mark, path, "keys and values where a list is expected")
            return WRONG
        items = node.items if isinstance(node, Sequence) else [node]
        values = [self.value(kind.item, item, (*path, n)) for n, item in enumerate(items)]
        return WRONG if any(is_wrong(value) for value in values) else tuple(values)

    def table(self, kind: Table, node: Node, path: Path) -> Any:
        """A dictionary, or WRONG."""
        if not isinstance(node, Mapping):
            self.complain(node.mark, path, f"{_words(node)} where keys and values are expected")
            return WRONG
        found: dict[Any, Any] = {}
        for key_node, value_node in node.items.values():
            key = self.key(kind.key, key_node, path)
            value = self.value(kind.item, value_node, (*path, key_node.value))
            if not is_wrong(key) and key in found:
                self.complain(key_node.mark, path, f"'{shown(str(key))}' is given twice")
            found[key] = value
        return WRONG if is_wrong(found) else found

    def key(self, kind: Type, node: Scalar, path: Path) -> Any:
        """A key of a table, or WRONG."""
        self.keys[(*path, node.value)] = node.mark
        return self.scalar(kind, node, path)


def made(cls: type[Any], values: MappingABC[str, Any]) -> Any:
    """An instance of a dataclass from the values of its keys."""
    return cls(**{attribute(key): value for key, value in values.items()})


def attribute(key: str) -> str:
    """The dataclass's name for a key: ``from`` is a word of Python's own, and becomes ``from_``."""
    name = key.replace("-", "_")
    return f"{name}_" if iskeyword(name) else name


class _Wrong:
    """Marks a value that could not be read."""


WRONG = _Wrong()


def is_wrong(value: Any) -> bool:
    """Whether a value, or one of a dictionary's, could not be read."""
    if isinstance(value, dict):
        return any(is_wrong(item) for pair in value.items() for item in pair)
    return isinstance(value, _Wrong)


def _words(node: Node) -> str:
    if isinstance(node, Mapping):
        return "keys and values"
    return "a list" if isinstance(node, Sequence) else f"'{shown(node.value)}'"


def _plain(kind: Type) -> str:
    words = kind.words().replace("`", "")
    if isinstance(kind, Choice) or words.startswith(("a ", "text", "true")):
        return words
    return f"an {words}" if words[0] in "aeiou" or words.startswith("IPv4") else f"a {words}"
