"""Good labs and the files that they become; bad ones and the exact words of every problem.

`pytest tests/golden --update-golden` writes what labctl says and makes now; the difference is
then read like any other change.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.expand import expand
from labctl.model import Lab
from labctl.render.tree import Files, Tree
from labctl.spec.lab import read
from labctl.spec.problems import InvalidLab
from tests.support import lab_at, tree_of

HERE = Path(__file__).parent
GOOD = sorted(path.parent for path in HERE.glob("good/*/lab.yml"))
BAD = sorted(HERE.glob("bad/*.yml"))
STACKS = HERE.parents[1] / "stacks"
# files of the lab's content are compared by digest, keys and certificates are made up
CONTENT = ("/var/www/", "/srv/", "/usr/lib/cgi-bin/", "/usr/local/src/")


def digested(files: Files) -> dict[str, str]:
    """What is rendered, as text; a line for what was only copied."""
    found = {}
    for path, entry in files.items():
        copied = path.startswith(CONTENT) and not path.endswith("/Makefile")
        head = f"{entry.mode:04o} {entry.owner}:{entry.group}"
        if copied:
            found[path] = f"{head} sha256:{entry.digest}\n"
        else:
            found[path] = entry.content.decode()
    return found


def as_files(tree: Tree) -> dict[str, str]:
    """All of a tree by relative path: the Compose file, a folder a machine, and the modes."""
    found = {"compose.yaml": tree.compose.decode()}
    for machine, files in tree.machines.items():
        texts = digested(files)
        modes = [
            f"{entry.mode:04o} {entry.owner}:{entry.group} {path}  <- {entry.source}\n"
            for path, entry in sorted(files.items())
        ]
        found[f"{machine}.files"] = "".join(modes)
        found |= {f"{machine}{path}": text for path, text in texts.items() if shown(path)}
        copied = [f"{text.split()[2]} {path}\n" for path, text in texts.items() if not shown(path)]
        if copied:
            found[f"{machine}.content"] = "".join(sorted(copied))
    return found


def shown(path: str) -> bool:
    return not path.startswith(CONTENT) or path.endswith("/Makefile")


def compare(tree: Tree, expected: Path, update: bool) -> None:
    made = as_files(tree)
    if update:
        write(made, expected)
    there = {
        path.relative_to(expected).as_posix(): path.read_text()
        for path in expected.rglob("*")
        if path.is_file()
    }
    assert sorted(made) == sorted(there)
    for path, text in made.items():
        assert text == there[path], path
