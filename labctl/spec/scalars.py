"""Scalar types of the lab file that say nothing of what they are for: text, numbers, choices.

``labctl.spec.fields`` has all types; this is what they are made of.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


class Wrong(Exception):
    """A value that its type does not take: what is wrong, and what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Doc:
    """What a field means, for the reference and the schema."""

    text: str


class Type:
    """A scalar type. ``read`` makes the value of the text, or raises Wrong."""

    def read(self, text: str) -> Any:
        """The value of a text."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """The type as JSON Schema (draft 2020-12)."""
        return {"type": "string"}

    def words(self) -> str:
        """The type in a few words."""
        raise NotImplementedError


@dataclass(frozen=True)
class Text(Type):
    """One line of text."""

    max_length: int = 200
    pattern: str | None = None
    hint: str = ""

    def read(self, text: str) -> str:
        if len(text.splitlines()) > 1 or text.endswith("\n"):
            raise Wrong("one line is expected, not several")
        if len(text) > self.max_length:
            raise Wrong(f"{len(text)} characters; at most {self.max_length} fit")
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise Wrong(f"{quoted(text)} does not match {self.pattern}", self.hint)
        return text

    def schema(self) -> dict[str, Any]:
        limits: dict[str, Any] = {"type": ["string", "number", "boolean"]}
        if self.pattern:
            limits |= {"type": "string", "pattern": f"^(?:{self.pattern})$"}
        return limits | {"maxLength": self.max_length}

    def words(self) -> str:
        return "text"


@dataclass(frozen=True)
class Pattern(Type):
    """Text of one form; subclasses name it."""

    form = ""
    name = ""
    hint = ""
    max_length = 200

    def read(self, text: str) -> str:
        if len(text) > self.max_length or not re.fullmatch(self.form, text):
            raise Wrong(f"{quoted(text)} is not {self.name}", self.hint)
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^(?:{self.form})$", "maxLength": self.max_length}

    def words(self) -> str:
        return self.name


@dataclass(frozen=True)
class Integer(Type):
    """A whole number between two bounds, both included."""

    low: int
    high: int
    noun: str = ""
    hint: str = ""

    def read(self, text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise Wrong(f"{quoted(text)} is not a whole number", self.hint)
        value = int(text)
        if not self.low <= value <= self.high:
            noun = f"a {self.noun}" if self.noun else "allowed"
            raise Wrong(f"{value} is not {noun} ({self.low}–{self.high})", self.hint)
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}

    def words(self) -> str:
        return f"whole number, {self.low}–{self.high}"


def Port(hint: str = "") -> Integer:  # noqa: N802 (named as the types beside it)
    """A TCP or UDP port number."""
    return Integer(1, 65535, "port", hint)


@dataclass(frozen=True)
class Choice(Type):
    """One of a few words."""

    values: tuple[str, ...]

    def __init__(self, *values: str) -> None:
        object.__setattr__(self, "values", values)

    def read(self, text: str) -> str:
        if text not in self.values:
            raise Wrong(f"{quoted(text)} is not one of {', '.join(self.values)}")
        return text

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.values)}

    def words(self) -> str:
        return " or ".join(f"`{value}`" for value in self.values)


@dataclass(frozen=True)
class Switch(Type):
    """Yes or no."""

    def read(self, text: str) -> bool:
        if text.lower() in ("true", "yes", "on"):
            return True
        if text.lower() in ("false", "no", "off"):
            return False
        raise Wrong(f"{quoted(text)} is neither true nor false")

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def words(self) -> str:
        return "`true` or `false`"


def quoted(text: str) -> str:
    """A value in a message: quoted, printable and short."""
    from labctl.spec.problems import shown

    return f"'{shown(text)}'"
