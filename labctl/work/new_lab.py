"""A new lab to start from: a static site and an application, with comments that teach."""

from __future__ import annotations

import re
from pathlib import Path

from labctl import resources
from labctl.errors import LabctlError, UsageError
from labctl.model import Template
from labctl.render import templates
from labctl.spec.fields import Name
from labctl.work.session import LAB_FILE, find_lab_file

_FOLDER = "init"
_SUFFIX = ".j2"


def files(name: str) -> dict[str, bytes]:
    """The files of a new lab by relative path. Pure but for reading the templates."""
    base = resources.templates()
    found = {}
    for path in sorted((base / _FOLDER).rglob(f"*{_SUFFIX}")):
        template = Template(path.relative_to(base).as_posix(), {"name": name})
        relative = path.relative_to(base / _FOLDER).as_posix().removesuffix(_SUFFIX)
        found[relative] = templates.text(template).encode()
    return found


def start(name: str, parent: Path) -> Path:
    """Write a new lab into a folder of its own below ``parent``; the lab file.

    UsageError where the name is none, or where a lab or a file is called so.
    """
    if not re.fullmatch(Name.form, name) or len(name) > Name.max_length:
        raise UsageError(f"{name!r} cannot be a lab's name", Name.hint)
    folder = parent / name
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder} exists already", "give the new lab another name")
    if (other := _known(name)) is not None:
        raise UsageError(f"a lab called {name} exists: {other}", "give the new lab another name")
    for relative, content in files(name).items():
        path = folder / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder / LAB_FILE


def _known(name: str) -> Path | None:
    try:
        return find_lab_file(name)
    except LabctlError:
        return None
