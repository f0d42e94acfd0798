"""Comparing what was seen with what must hold."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any


def differences(expect: Mapping[str, Any], seen: Mapping[str, Any]) -> list[str]:
    """What does not hold, in words; empty when all does.

    A plain value means equality; ``{"matches": regex}``, ``{"contains": value}``,
    ``{"in": [...]}``, ``{"most": number}`` and ``{"not": expectation}`` say more.
    """
    if seen.get("error") and "error" not in expect:
        return [f"expected an answer, got: {seen['error']}"]
    return [
        f"{key}: expected {words(wanted)}, got {brief(seen.get(key))}"
        for key, wanted in expect.items()
        if not holds(wanted, seen.get(key))
    ]


def holds(wanted: Any, value: Any) -> bool:
    """Whether one value is as expected."""
    if not isinstance(wanted, Mapping):
        return bool(wanted == value)
    return all(_test(word, argument, value) for word, argument in wanted.items())


def _test(word: str, argument: Any, value: Any) -> bool:
    if word == "matches":
        return value is not None and re.search(argument, str(value)) is not None
    if word == "contains":
        return value is not None and argument in value
    if word == "in":
        return value in argument
    if word == "most":
        return str(value).isdecimal() and int(value) <= argument
    if word == "not":
        return not holds(argument, value)
    raise ValueError(f"an expectation does not have the word {word!r}")


def words(wanted: Any) -> str:
    """An expectation as people say it."""
    if not isinstance(wanted, Mapping):
        return brief(wanted)
    return " and ".join(_words(word, argument) for word, argument in wanted.items())


def _words(word: str, argument: Any) -> str:
    if word == "not":
        return f"not {words(argument)}"
    if word == "most":
        return f"at most {argument}"
    if word == "in":
        return "one of " + ", ".join(map(brief, argument))
    return f"something that {word} {brief(argument)}"


def brief(value: Any, length: int = 200) -> str:
    """A value in one line."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= length else text[: length - 1] + "…"
