"""``checks:`` as JSON Schema: the client decides what is asked and what is seen."""

from __future__ import annotations

from typing import Any

from labctl.checks.questions import QUESTIONS
from labctl.checks.values import FLAG, HEADERS, NUMBER, TEXT, TEXTS, Seen
from labctl.spec import schema as schemas
from labctl.spec.checks import CheckKeys
from labctl.spec.expectations import JSON, PATH, words_of
from labctl.spec.reader import fields_of

Schema = dict[str, Any]


def check() -> Schema:
    """One check."""
    found = schemas.mapping(fields_of(CheckKeys))
    found["allOf"] = [
        {
            "if": {"properties": {"client": {"const": name}}, "required": ["client"]},
            "then": {
                "properties": {
                    "ask": {"description": _said(question), **schemas.record(question)},
                    "expect": _expected(question),
                }
            },
        }
        for name, question in QUESTIONS.items()
    ]
    return found


def expectations() -> dict[str, Schema]:
    """What may be expected of each type of thing that is seen, for ``$defs``."""
    return {f"expect-{name}": _expectation(seen) for name, seen in _NAMES.items()}


_NAMES = {"text": TEXT, "number": NUMBER, "flag": FLAG, "texts": TEXTS, "json": JSON}


def _expected(question: type[Any]) -> Schema:
    properties: dict[str, Schema] = {}
    for name, (seen, meaning) in question.SEES.items():
        properties[name] = {"description": meaning, **_reference(seen)}
    return {
        "type": "object", "properties": properties, "additionalProperties": False,
        "minProperties": 1,
    }  # fmt: skip


def _reference(seen: Seen) -> Schema:
    if seen is HEADERS:
        return {"type": "object", "additionalProperties": _reference(TEXT), "minProperties": 1}
    name = next(name for name, one in _NAMES.items() if one is seen)
    return {"$ref": f"#/$defs/expect-{name}"}


def _expectation(seen: Seen) -> Schema:
    plain = _plain(seen)
    arguments: dict[str, Schema] = {
        "matches": {"type": "string", "format": "regex"},
        "contains": {"type": ["string", "number", "boolean"]},
        "in": {"type": "array", "items": plain},
        "not": _reference(seen),
        "least": {"type": "number"},
        "most": {"type": "number"},
        "there": {"type": "boolean"},
        "json": {
            "type": "object", "propertyNames": {"pattern": f"^{PATH}$"},
            "additionalProperties": _reference(JSON), "minProperties": 1,
        },
    }  # fmt: skip
    worded = {
        "type": "object", "additionalProperties": False, "minProperties": 1,
        "properties": {word: arguments[word] for word in sorted(words_of(seen))},
    }  # fmt: skip
    return schemas.either("object", worded, plain)


def _plain(seen: Seen) -> Schema:
    scalar: Schema = {"type": ["string", "number", "boolean"]}
    if seen is NUMBER:
        return {"type": "number"}
    if seen is FLAG:
        return {"type": "boolean"}
    if seen is TEXTS:
        return schemas.either("array", {"items": scalar}, scalar)
    return {} if seen is JSON else scalar


def _said(question: type[Any]) -> str:
    return " ".join((question.__doc__ or "").split())
