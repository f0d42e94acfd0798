"""Jinja, strict: an unknown name is an error, a value is text wherever it lands."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from labctl import resources
from labctl.model import Template


@cache
def environment() -> jinja2.Environment:
    """The environment of all templates."""
    env = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resources.templates()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 (no HTML here: each format has its own filter below)
        auto_reload=False,
        bytecode_cache=_cache(),
    )
    env.filters["rendered"] = text
    env.filters["nginx"] = nginx_quoted
    env.filters["nginx_key"] = nginx_key
    env.filters["comment"] = comment
    return env


def _cache() -> jinja2.BytecodeCache | None:
    """Compiled templates in the user's cache directory; compiling them is most of a render."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    directory = base / "hosting-labctl"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return None
    if directory.stat().st_uid != os.geteuid():
        return None  # somebody else's code is not run
    return jinja2.FileSystemBytecodeCache(str(directory))


def text(template: Template, **more: Any) -> str:
    """The text of a template with its names, and with those that are known only where it lands."""
    names: dict[str, Any] = {**template.context, **more}
    return environment().get_template(template.name).render(names)


def nginx_quoted(value: str) -> str:
    """A value as one nginx parameter: quoted, and with nothing that nginx would interpret.

    nginx knows no escape for ``$``, so a value with one is refused with ValueError.
    """
    if "$" in value or any(c < " " for c in value):
        raise ValueError(f"{value!r} cannot be a plain value in nginx")
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def nginx_key(value: str) -> str:
    """A plain key of an nginx map: none is a word of the map's own, as ``include`` or ``default``.

    (ngx_http_map_module: such a value is preceded by a backslash, as any other may be.)
    """
    return nginx_quoted("\\" + value)


def comment(value: str) -> str:
    """A value inside a one-line comment: no line ends it."""
    return " ".join(value.split())
