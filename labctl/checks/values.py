"""What the questions of checks are made of, beside the field types of every lab file.

All of them take ``${domain}`` and the like where they take text: ``labctl.checks.variables``
puts the values in when the check is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from labctl.spec.fields import Type, Wrong
from labctl.spec.scalars import quoted


@dataclass(frozen=True)
class Passage(Type):
    """Text of any number of lines."""

    max_length: int = 16_384

    def read(self, text: str) -> str:
        if len(text) > self.max_length:
            raise Wrong(f"{len(text)} characters; at most {self.max_length} fit")
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": ["string", "number", "boolean"], "maxLength": self.max_length}

    def words(self) -> str:
        return "text"


@dataclass(frozen=True)
class Url(Type):
    """A URL with one of some schemes (RFC 3986), its host in ASCII."""

    schemes: tuple[str, ...]

    def __init__(self, *schemes: str) -> None:
        object.__setattr__(self, "schemes", schemes)

    @property
    def _form(self) -> str:
        return rf"(?:{'|'.join(self.schemes)})://{_HOST}(?::[0-9]{{1,5}})?(?:[/?][\x21-\x7e]*)?"

    def read(self, text: str) -> str:
        if len(text) > 2000 or not re.fullmatch(self._form, text):
            schemes = " or ".join(f"{scheme}://" for scheme in self.schemes)
            hint = f"for example {self.schemes[-1]}://www.${{domain}}/"
            raise Wrong(f"{quoted(text)} is not a URL that begins with {schemes}", hint)
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{self._form}$", "maxLength": 2000}

    def words(self) -> str:
        return f"a URL, for example `{self.schemes[-1]}://www.${{domain}}/`"


@dataclass(frozen=True)
class Host(Type):
    """A host's name or IPv4 address."""

    def read(self, text: str) -> str:
        if len(text) > 253 or not re.fullmatch(_HOST, text):
            raise Wrong(f"{quoted(text)} is not a host", "a name, for example www.${domain}")
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^{_HOST}$", "maxLength": 253}

    def words(self) -> str:
        return "a host's name, for example `www.${domain}`, or its IPv4 address"


# a label, or a ${variable} that becomes some; RFC 2181 section 11 allows the underscore
_HOST = r"(?!-)(?:[A-Za-z0-9_.\-]|\$\{[a-z.0-9\-]{1,60}\})+"


@dataclass(frozen=True)
class AbsolutePath(Type):
    """An absolute path on a machine."""

    def read(self, text: str) -> str:
        if not text.startswith("/") or len(text) > 1000 or "\n" in text:
            raise Wrong(f"{quoted(text)} is not an absolute path", "for example /etc/hosts")
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^/", "maxLength": 1000}

    def words(self) -> str:
        return "an absolute path, for example `/etc/hosts`"


@dataclass(frozen=True)
class HeaderName(Type):
    """The name of a header field (RFC 9110 section 5.1)."""

    def read(self, text: str) -> str:
        if not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,80}", text):
            raise Wrong(f"{quoted(text)} is not the name of a header", "for example Accept")
        return text

    def words(self) -> str:
        return "a header's name"


class Seen:
    """The type of something that a client sees: what an expectation of it may say."""

    words = "anything"
    tests: frozenset[str] = frozenset()  # beside `not` and `there`, which all have

    def read(self, text: str) -> Any:
        """The value that equals what is seen, from what was written; Wrong where there is none."""
        return text


class SeenText(Seen):
    """Text."""

    words = "text"
    tests = frozenset({"in", "matches", "contains", "json"})


class SeenNumber(Seen):
    """A number."""

    words = "number"
    tests = frozenset({"in", "least", "most"})

    def read(self, text: str) -> float | int:
        if not re.fullmatch(r"-?[0-9]{1,15}(?:\.[0-9]{1,6})?", text):
            raise Wrong(f"{quoted(text)} is not a number")
        return float(text) if "." in text else int(text)


class SeenFlag(Seen):
    """Yes or no."""

    words = "`true` or `false`"

    def read(self, text: str) -> bool:
        known = {"true": True, "yes": True, "false": False, "no": False}
        if text.lower() not in known:
            raise Wrong(f"{quoted(text)} is neither true nor false")
        return known[text.lower()]


class SeenTexts(Seen):
    """A list of texts: the list itself equals, ``contains`` is one of it, ``matches`` any of it."""

    words = "list of texts"
    tests = frozenset({"contains", "matches"})


class SeenHeaders(Seen):
    """Header fields by name; an expectation for each."""

    words = "header names and an expectation each"


TEXT, NUMBER, FLAG, TEXTS, HEADERS = (
    SeenText(), SeenNumber(), SeenFlag(), SeenTexts(), SeenHeaders(),
)  # fmt: skip
Sees = Mapping[str, tuple[Seen, str]]  # name → type and meaning
Complaints = Iterator[tuple[str, str, str]]  # key, message, hint
MILLISECONDS: Sees = {"milliseconds": (NUMBER, "how long the answer took")}
ERROR: Sees = {"error": (TEXT, "why there was no answer; without it, every check needs an answer")}
