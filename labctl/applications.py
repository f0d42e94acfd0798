"""What applications in any language may say: libraries of their own, a database, preparation.

Kinds that run somebody's program share these keys of the lab file and what follows. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from labctl import databases
from labctl.kinds import Complaint, Scope
from labctl.model import Extra, Libraries, Service
from labctl.spec.fields import ContentFile

Tool = Literal["pip", "npm"]
DIRECTORY = "/usr/lib/libraries"
PIP = "file of the content that pins further libraries with their hashes (pip's format)"
NPM = "`package-lock.json` of the content, which pins further libraries (npm's format)"
DATABASE = "service that keeps a database for it"
PREPARE = "commands that it runs before each start, for example migrations"
_ITS_LOCK = "package.json"


@dataclass(frozen=True)
class Pins(ContentFile):
    """A file of a service's content that pins libraries."""

    def words(self) -> str:
        return "file of the content"


def path(service: str) -> str:
    """The directory of an application's libraries."""
    return f"{DIRECTORY}/{service}"


def found(variable: str, service: Service, below: str = "") -> Mapping[str, str]:
    """The variable by which a language's programs find their libraries."""
    return {variable: path(service.name) + below} if service.options.libraries else {}


def in_image(service: Service, tool: Tool, scope: Scope) -> Extra:
    """The libraries that the lab file says, for the image."""
    said: str = service.options.libraries
    if not said:
        return Extra()
    names = (said, beside(said)) if tool == "npm" else (said,)
    files = tuple((name.rpartition("/")[2], scope.content[name]) for name in names)
    return Extra(frozenset({Libraries(tool, path(service.name), files)}))


def beside(lock: str) -> str:
    """The ``package.json`` that a lock file belongs to."""
    folder, slash, _ = lock.rpartition("/")
    return f"{folder}{slash}{_ITS_LOCK}"


def problems(options: Any, tool: Tool, scope: Scope) -> Iterable[Complaint]:
    """What is wrong with the keys that all applications have."""
    yield from databases.problems(options, scope)
    said = options.libraries
    if not said:
        return
    if said not in scope.content:
        yield Complaint(("libraries",), f"there is no file {said} in the content")
        return
    judge = _npm_problem if tool == "npm" else _pip_problem
    message, hint = judge(said, scope.content)
    if message:
        yield Complaint(("libraries",), message, hint)


def _pip_problem(said: str, content: Mapping[str, bytes]) -> tuple[str, str]:
    """A requirement without a version or a hash (pip's hash-checking mode), or another file."""
    text = re.sub(r"\\\r?\n", " ", content[said].decode(errors="replace"))
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()]
    for line in filter(None, lines):
        if line.startswith("-"):
            return f"{said} has an option of pip's: {line.split()[0]}", "requirements only"
        if not re.match(r"[A-Za-z0-9][\w.-]*(\[[\w, -]+\])?\s*==\s*[\w.!+-]+(\s|;)", line):
            name = re.split(r"[\s<>=!~;\[@]", line)[0]
            return f"{said} does not pin '{name}' to one version", _PIP_HINT
        if "--hash=sha" not in line:
            return f"{said} has no hash of '{line.partition('==')[0].strip()}'", _PIP_HINT
    return "", ""


_PIP_HINT = "`pip-compile --generate-hashes` writes such a file"


def _npm_problem(said: str, content: Mapping[str, bytes]) -> tuple[str, str]:
    """No lock file of npm's, or one that has a package without its hash."""
    name = said.rpartition("/")[2]
    if name != "package-lock.json" or beside(said) not in content:
        return f"{said} is no package-lock.json with its {_ITS_LOCK} beside it", _NPM_HINT
    try:
        packages = json.loads(content[said])["packages"]
        bare = [
            key
            for key, one in packages.items()
            if key and not one.get("link") and not one.get("integrity")
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{said} is not what npm writes (lockfileVersion 2 or 3)", _NPM_HINT
    return (f"{said} has no hash of '{bare[0]}'", _NPM_HINT) if bare else ("", "")


_NPM_HINT = "`npm install --package-lock-only` writes such a file"
