"""The lab file as JSON Schema (draft 2020-12), made from the fields' types.

For editors: what a single file cannot say (a site without service, a missing folder) only
``labctl validate`` knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from labctl import kinds
from labctl.spec.fields import Many, Name, Table, Type
from labctl.spec.keys import LabKeys, ServiceKeys
from labctl.spec.reader import Field, fields_of

Schema = dict[str, Any]


def schema() -> Schema:
    """The whole schema."""
    from labctl.spec import check_schema

    top = mapping(fields_of(LabKeys))
    top["properties"]["services"] |= services()
    checks = top["properties"]["checks"]
    top["properties"]["checks"] = {"description": checks["description"]} | {
        "type": "array",
        "items": {"$ref": "#/$defs/check"},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A lab file of hosting-labctl",
        **top,
        "$defs": {
            "service": service(),
            "check": check_schema.check(),
            **check_schema.expectations(),
            **{f"kind-{name}": of_kind(name) for name in kinds.names()},
        },
    }


def mapping(fields: Mapping[str, Field]) -> Schema:
    """Keys and values, and no key that is not known."""
    return {
        "type": "object",
        "properties": {name: _described(field) for name, field in fields.items()},
        "required": [name for name, field in fields.items() if field.required],
        "additionalProperties": False,
    }


def _described(field: Field) -> Schema:
    found = {**value(field.type), "description": field.doc}
    if field.default:
        found["default"] = _plain(field.default)
    return found


def _plain(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


def value(kind: Any) -> Schema:
    """What a field's type takes."""
    if isinstance(kind, Many):
        one = value(kind.item)
        return either("array", {"items": one}, one)
    if isinstance(kind, Table):
        names = kind.key.schema()
        return {"type": "object", "propertyNames": names, "additionalProperties": value(kind.item)}
    if isinstance(kind, Type):
        return kind.schema()
    return record(kind)


def record(cls: type[Any]) -> Schema:
    """A dataclass, or the single value that stands for it."""
    fields = fields_of(cls)
    shorthand = getattr(cls, "SHORTHAND", None)
    if shorthand is None:
        return mapping(fields)
    others = [name for name, field in fields.items() if field.required and name != shorthand]
    if others:
        return mapping(fields)
    return either("object", mapping(fields), value(fields[shorthand].type))


def either(kind: str, then: Schema, otherwise: Schema) -> Schema:
    """One schema for values of a JSON type, another for all else: messages name the right one."""
    return {"if": {"type": kind}, "then": then, "else": otherwise}


def services() -> Schema:
    """Services by name; one that is called as its kind need not say it."""
    named = {
        name: {
            "if": {"type": "object", "required": ["kind"]},
            "then": {"$ref": "#/$defs/service"},
            "else": either("object", {"$ref": f"#/$defs/kind-{name}"}, _short(name)),
        }
        for name in kinds.names()
    }
    return {
        "type": "object",
        "propertyNames": Name().schema(),
        "properties": named,
        "additionalProperties": {"$ref": "#/$defs/service"},
    }


def _short(name: str) -> Schema:
    """What stands for a service whose name is a kind: nothing where all its keys have defaults."""
    nothing = [{"type": "null"}] if name in _without_keys() else []
    return {"anyOf": [*nothing, {"enum": _without_keys()}]}


def service() -> Schema:
    """A kind alone, or keys and values; the kind decides which."""
    keyed = {
        "required": ["kind"],
        "properties": {"kind": {"enum": list(kinds.names())}},
        "allOf": [
            {
                "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
                "then": {"$ref": f"#/$defs/kind-{name}"},
            }
            for name in kinds.names()
        ],
    }
    return either("object", keyed, {"enum": _without_keys()})


def _without_keys() -> list[str]:
    """The kinds whose keys all have defaults: the word alone is enough."""
    return [
        name
        for name in kinds.names()
        if not any(field.required for field in fields_of(kinds.load(name).Options).values())
    ]


def of_kind(name: str) -> Schema:
    """The keys of a service of one kind."""
    common = {**fields_of(ServiceKeys)}
    kind = common.pop("kind")
    found = mapping({**common, **fields_of(kinds.load(name).Options)})
    found["properties"] = {
        "kind": {"const": name, "description": kind.doc}, **found["properties"]
    }  # fmt: skip
    return {"description": kinds.summary(name), **found}
