"""The lab file's reference in Markdown, made from the fields' types (docs/lab-file.md)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from labctl import kinds
from labctl.spec import check_reference
from labctl.spec.fields import Many, Table, Type
from labctl.spec.keys import documented
from labctl.spec.reader import Field, fields_of

EXAMPLE = """\
lab: shop
title: A shop and its blog
services:
  pages: static              # a word alone is the kind; its files are in the folder pages/
  blog:                      # keys and values say more
    kind: wsgi
    memory: 128M
    environment:
      GREETING: Good morning
sites:
  www:
    service: pages
    names: "@"               # the domain itself, shop.test, as well
  blog: blog                 # a word alone is the service
"""
_INTRODUCTION = """\
# The lab file

A lab is one folder with a file `lab.yml` (YAML) and the content of its services beside it.

```yaml
{example}```

Every value is text until its key gives it a type, so quotes are hardly ever needed. Unknown keys
are refused. In the tables below, **required** marks a key that cannot be left out; behind a
semicolon stands what holds when a key is left out and no default is named. `labctl validate`
reports every problem of a file at once, `labctl schema` prints the same as JSON Schema for
editors. This page is written by `labctl schema --markdown`.
"""
_KINDS = """\
## Kinds of service

A service has the keys above and those of its kind. Kinds marked *always there* run in every lab;
name one to set its keys, or to place it on a machine with others.
"""


def markdown() -> str:
    """The whole page."""
    titles = {cls: title for title, cls in documented()}
    parts = [_INTRODUCTION.format(example=EXAMPLE)]
    for cls, title in titles.items():
        parts += [f"## {title.capitalize()}\n", _said(cls), _table(fields_of(cls).values(), titles)]
    parts += check_reference.clients(lambda fields: _table(fields, titles))
    parts.append(_KINDS)
    for name in kinds.names():
        parts.append(_kind(name, titles))
    return "\n".join(part for part in parts if part)


def _said(cls: type[Any]) -> str:
    """What the dataclass's docstring says."""
    return _markdown(cls.__doc__ or "") + "\n"


def _markdown(docstring: str) -> str:
    """A docstring's text: double backquotes become single ones, lines become one."""
    return " ".join(docstring.replace("``", "`").split())


def _kind(name: str, titles: dict[type[Any], str]) -> str:
    fields = fields_of(kinds.load(name).Options)
    always = " *Always there.*" if name in kinds.implied() else ""
    head = f"### {name}\n\n{_markdown(kinds.summary(name))}{always}\n"
    if not fields:
        return f"{head}\nNo keys of its own.\n"
    return f"{head}\n{_table(fields.values(), titles)}"


def _table(fields: Iterable[Field], titles: dict[type[Any], str]) -> str:
    lines = ["| key | value | meaning | default |", "|---|---|---|---|"]
    for field in fields:
        cells = (f"`{field.name}`", words(field.type, titles), field.doc, _default(field))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def _default(field: Field) -> str:
    if field.required:
        return "**required**" if field.name != "kind" else "**required** where the name is no kind"
    if not field.default:
        return ""
    default = field.default
    if isinstance(field.type, type):
        return ""
    shown = ", ".join(map(str, default)) if isinstance(default, tuple) else str(default)
    return f"`{shown}`"


def words(kind: Any, titles: dict[type[Any], str]) -> str:
    """A field's type in words, with links to the mappings that have a section of their own."""
    if isinstance(kind, Many):
        return f"one or a list of: {words(kind.item, titles)}"
    if isinstance(kind, Table):
        return f"keys ({words(kind.key, titles)}) and values ({words(kind.item, titles)})"
    if isinstance(kind, Type):
        return re.sub(r"^an? ", "", kind.words())
    if kind not in titles:
        return "its keys, below"
    return f"[{titles[kind]}](#{titles[kind].replace(' ', '-')})"
