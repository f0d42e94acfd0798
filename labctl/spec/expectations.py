"""Reading what a check expects: a value, or words that say more than equality.

The words are those of ``labctl.checks.expect``; which of them fit depends on what is seen.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from labctl.checks.values import FLAG, HEADERS, NUMBER, TEXT, TEXTS, HeaderName, Seen, Sees
from labctl.checks.variables import VARIABLE, Pattern
from labctl.spec.document import Mapping, Node, Scalar, Sequence
from labctl.spec.fields import Wrong
from labctl.spec.problems import nearest
from labctl.spec.reader import WRONG, Path, Reader, is_wrong

PATH = r"(?:[^.\[\]\s]+|\[[0-9]{1,6}\])(?:\.[^.\[\]\s]+|\[[0-9]{1,6}\])*"
_EVERY = frozenset({"not", "there"})  # words that fit whatever is seen


class _Json(Seen):
    """A value in JSON, of any type: as JSON where it is written plainly, else text."""

    words = "a value in JSON"
    tests = frozenset({"in", "matches", "contains", "least", "most"})


JSON = _Json()


def words_of(seen: Seen) -> frozenset[str]:
    """The words that may be said of something that is seen."""
    return _EVERY | seen.tests


def read(node: Node, sees: Sees, reader: Reader, path: Path) -> Any:
    """An expectation for each thing that a client sees, or WRONG."""
    reader.marks[path] = node.mark
    if not isinstance(node, Mapping) or not node.items:
        hint = nearest("", sees)
        reader.complain(node.mark, path, "nothing is said that must hold", hint)
        return WRONG
    found: dict[str, Any] = {}
    for name, (key, value) in node.items.items():
        here = (*path, name)
        reader.keys[here], reader.marks[here] = key.mark, value.mark
        if name not in sees:
            reader.complain(key.mark, path, f"the client sees no '{name}'", nearest(name, sees))
            found[name] = WRONG
        else:
            found[name] = _Expectation(reader, sees[name][0]).read(value, here)
    return WRONG if is_wrong(found) else found


class _Expectation:
    """Reads expectations of one type."""

    def __init__(self, reader: Reader, seen: Seen) -> None:
        self.reader = reader
        self.seen = seen

    def read(self, node: Node, path: Path) -> Any:
        """A value that must be equal, or words; or WRONG."""
        if self.seen is HEADERS:
            return self.inner(node, path, "fields", self.header)
        if isinstance(node, Mapping):
            return self.worded(node, path)
        if isinstance(node, Sequence):
            if self.seen is TEXTS or self.seen is JSON:
                return self.values(node, path)
            hint = "`in: [one, other]` says that each of several will do"
            return self.wrong(node, path, f"a list where a {self.seen.words} is seen", hint)
        value = self.value(node, path)
        return [value] if self.seen is TEXTS and not is_wrong(value) else value

    def worded(self, node: Mapping, path: Path) -> Any:
        """Words with what they are about."""
        if not node.items:
            return self.wrong(node, path, "nothing is expected", "for example a value")
        found = {}
        for word, (key, value) in node.items.items():
            known = words_of(self.seen)
            if word in known:
                found[word] = self.argument(word, value, (*path, word))
            else:
                message = f"'{word}' cannot be said of a {self.seen.words}"
                found[word] = self.wrong(key, path, message, nearest(word, known))
        return WRONG if is_wrong(found) else found

    def argument(self, word: str, node: Node, path: Path) -> Any:
        """What stands behind a word."""
        if word == "not":
            return self.read(node, path)
        if word == "in":
            return self.values(node, path)
        if word == "json":
            return self.inner(node, path, "", self.json_path)
        if not isinstance(node, Scalar):
            return self.wrong(node, path, "a single value is expected")
        if word == "matches":
            return self.pattern(node, path)
        if word in ("least", "most"):
            return _Expectation(self.reader, NUMBER).value(node, path)
        if word == "there":
            return _Expectation(self.reader, FLAG).value(node, path)
        return self.value(node, path)

    def values(self, node: Node, path: Path) -> Any:
        """Several values."""
        if not isinstance(node, Sequence):
            return self.wrong(node, path, "a list of values is expected", "for example [200, 304]")
        values = [self.value(item, (*path, n)) for n, item in enumerate(node.items)]
        return WRONG if any(is_wrong(value) for value in values) else values

    def value(self, node: Node, path: Path) -> Any:
        """A single value."""
        if not isinstance(node, Scalar):
            return self.wrong(node, path, f"a {self.seen.words} is expected")
        if self.seen is JSON:
            return _json(node)
        if node.plain and node.value in ("", "~", "null"):
            hint = "`there: false` says that something is not there"
            return self.wrong(node, path, f"nothing where a {self.seen.words} is expected", hint)
        try:
            return self.seen.read(node.value)
        except Wrong as wrong:
            return self.wrong(node, path, wrong.message, wrong.hint)

    def pattern(self, node: Scalar, path: Path) -> Any:
        """A regular expression, as Python's ``re`` takes it."""
        try:
            re.compile(VARIABLE.sub("x", node.value))
        except re.error as error:
            return self.wrong(node, path, f"not a regular expression: {error}")
        if len(node.value) > 1000:
            return self.wrong(node, path, "a regular expression of more than 1000 characters")
        return Pattern(node.value)

    def inner(self, node: Node, path: Path, word: str, read: Callable[..., Any]) -> Any:
        """Expectations of parts: of header fields by name, of JSON by path."""
        if not isinstance(node, Mapping) or not node.items:
            return self.wrong(node, path, "names, and what is expected of each, are expected")
        found: dict[str, Any] = {}
        for name, (key, value) in node.items.items():
            self.reader.marks[(*path, name)] = value.mark
            found.update([read(name, key, value, path)])
        return WRONG if is_wrong(found) else {word: found} if word else found

    def header(self, name: str, key: Scalar, value: Node, path: Path) -> tuple[str, Any]:
        """A header field by name, and what is expected of it."""
        if is_wrong(self.reader.key(HeaderName(), key, path)):
            return name, WRONG
        return name.lower(), _Expectation(self.reader, TEXT).read(value, (*path, name))

    def json_path(self, name: str, key: Scalar, value: Node, path: Path) -> tuple[str, Any]:
        """A place in JSON, and what is expected of it."""
        if not re.fullmatch(PATH, name):
            hint = "for example user.name, or list[0].id"
            return name, self.wrong(key, path, f"'{name}' is not a path into JSON", hint)
        return name, _Expectation(self.reader, JSON).read(value, (*path, name))

    def wrong(self, node: Node, path: Path, message: str, hint: str = "") -> Any:
        """Note a problem."""
        self.reader.complain(node.mark, path, message, hint)
        return WRONG


def _json(node: Scalar) -> Any:
    """What a scalar is in JSON: plain ones what they look like, quoted ones text."""
    if not node.plain:
        return node.value
    try:
        return json.loads(node.value, parse_constant=str)
    except ValueError:
        return node.value
