"""Comparing what was seen with what must hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from labctl.checks import patterns
from labctl.checks.variables import Sealed, hidden, revealed

Show = Callable[[Any], str]


def differences(
    expect: Mapping[str, Any], seen: Mapping[str, Any], secrets: Mapping[str, str] | None = None
) -> list[str]:
    """What does not hold, in words; empty when all does.

    A plain value means equality; a mapping says more by its words: ``matches`` a regular
    expression, ``contains``, ``in``, ``least`` and ``most``, ``there``, ``not`` and
    ``json``, expectations by path; ``fields`` are expectations of a mapping's values. Secrets
    are compared, and shown by their names.
    """
    if seen.get("error") and "error" not in expect:
        return [f"expected an answer, got: {_shower(secrets)(str(seen['error']))}"]
    found = (
        _difference(name, wanted, value, secrets or {})
        for key, part in expect.items()
        for name, wanted, value in _parts(key, part, seen.get(key))
    )
    return [difference for difference in found if difference]


def _difference(name: str, wanted: Any, value: Any, secrets: Mapping[str, str]) -> str:
    """What of one expectation does not hold, or ""."""
    try:
        if holds(revealed(wanted, secrets), value):
            return ""
    except patterns.TooLong:
        within = f"could not be decided within {patterns.SECONDS:g} s"
        return f"{name}: expected {words(wanted)}, which {within} for what came"
    return f"{name}: expected {words(wanted)}, got {_shower(secrets)(value)}"


def _parts(key: str, wanted: Any, value: Any) -> Iterator[tuple[str, Any, Any]]:
    """An expectation, or those that it consists of: what it is about, itself and the value."""
    if isinstance(wanted, Mapping) and "fields" in wanted:
        values = value if isinstance(value, Mapping) else {}
        for name, one in wanted["fields"].items():
            yield f"{key} {name}", one, values.get(name)
    elif isinstance(wanted, Mapping) and "json" in wanted:
        document = _json(value)
        for path, one in wanted["json"].items():
            yield f"{key} {path}", one, document if document is _NO_JSON else at(document, path)
        rest = {word: argument for word, argument in wanted.items() if word != "json"}
        if rest:
            yield key, rest, value
    else:
        yield key, wanted, value


def holds(wanted: Any, value: Any) -> bool:
    """Whether one value is as expected."""
    if value is _NO_JSON:
        return False
    if not isinstance(wanted, Mapping):
        return bool(_same(wanted, value))
    return all(_test(word, argument, value) for word, argument in wanted.items())


def _same(wanted: Any, value: Any) -> bool:
    """Equality, in which true is no number."""
    if isinstance(wanted, bool) is not isinstance(value, bool):
        return False
    return bool(wanted == value)


def _test(word: str, argument: Any, value: Any) -> bool:
    test = _TESTS.get(word)
    if test is None:
        raise ValueError(f"an expectation does not have the word {word!r}")
    return test(argument, value)


def _matches(argument: str, value: Any) -> bool:
    if value is None:
        return False
    texts = value if isinstance(value, list) else [value]
    return any(patterns.found(argument, str(text)) for text in texts)


def _contains(argument: Any, value: Any) -> bool:
    return isinstance(value, str | list | dict) and argument in value


def _number(value: Any) -> float | None:
    """A number, also where a machine's program has printed it as text."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        return int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _least(argument: float, value: Any) -> bool:
    number = _number(value)
    return number is not None and number >= argument


def _most(argument: float, value: Any) -> bool:
    number = _number(value)
    return number is not None and number <= argument


def _by_json(argument: Mapping[str, Any], value: Any) -> bool:
    return all(holds(wanted, found) for _, wanted, found in _parts("", {"json": argument}, value))


def _by_field(argument: Mapping[str, Any], value: Any) -> bool:
    return all(holds(wanted, found) for _, wanted, found in _parts("", {"fields": argument}, value))


_TESTS: Mapping[str, Callable[[Any, Any], bool]] = {
    "matches": _matches,
    "contains": _contains,
    "in": lambda argument, value: any(_same(one, value) for one in argument),
    "least": _least,
    "most": _most,
    "there": lambda argument, value: (value is not None) is argument,
    "not": lambda argument, value: not holds(argument, value),
    "json": _by_json,
    "fields": _by_field,
}


class _NoJson:
    """What is seen in text that is no JSON."""

    def __str__(self) -> str:
        return "text that is no JSON"


_NO_JSON = _NoJson()


def _json(text: Any) -> Any:
    try:
        return json.loads(text, parse_constant=str)
    except (TypeError, ValueError, RecursionError):
        return _NO_JSON


def at(document: Any, path: str) -> Any:
    """The value at a path such as ``list[0].name``; None where there is none."""
    for name, number in re.findall(r"([^.\[\]]+)|\[([0-9]+)\]", path):
        if name and isinstance(document, Mapping):
            document = document.get(name)
        elif number and isinstance(document, list) and int(number) < len(document):
            document = document[int(number)]
        else:
            return None
    return document


def words(wanted: Any) -> str:
    """An expectation as people say it."""
    if isinstance(wanted, Sealed):
        return brief(wanted.text)
    if not isinstance(wanted, Mapping):
        return brief(wanted)
    return " and ".join(_words(word, argument) for word, argument in wanted.items())


def _words(word: str, argument: Any) -> str:
    if word == "not":
        return f"not {words(argument)}"
    if word in ("least", "most"):
        return f"at {word} {argument}"
    if word == "in":
        return "one of " + ", ".join(map(words, argument))
    if word == "there":
        return "something" if argument else "nothing"
    if word in ("json", "fields"):
        return " and ".join(f"{name}: {words(one)}" for name, one in argument.items())
    return f"something that {word} {words(argument)}"


def _shower(secrets: Mapping[str, str] | None) -> Show:
    return lambda value: brief(hidden(_text(value), secrets or {}))


def _text(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str | _NoJson):
        return str(value) or "an empty text"
    return json.dumps(value, ensure_ascii=False, default=str)


def brief(value: Any, length: int = 200) -> str:
    r"""A value in one line; control characters as ``\xNN``, safe on a terminal."""
    text = visible(_text(value))
    return text if len(text) <= length else text[: length - 1] + "…"


def visible(text: str) -> str:
    r"""A text with everything that is no printable character as ``\n``, ``\xNN``, ``\uNNNN``."""
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
