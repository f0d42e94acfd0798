"""The rule of kinds: a module, a folder of templates, and none knows another."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MODULES = {path.stem: path for path in sorted((ROOT / "labctl/kinds").glob("[a-z]*.py"))}
FOLDER = re.compile(r"""["']([a-z]+)/[^"'\s]+\.j2["']""")  # of a template's name


def imported(path: Path) -> set[str]:
    """The modules that a module imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            found |= {one.name for one in node.names}
        if isinstance(node, ast.ImportFrom):
            found |= {str(node.module), *(f"{node.module}.{one.name}" for one in node.names)}
    return found


def others(kind: str) -> set[str]:
    return {f"labctl.kinds.{one}" for one in MODULES if one != kind}


@pytest.mark.parametrize("kind", MODULES)
def test_no_kind_imports_another(kind: str) -> None:
    assert not imported(MODULES[kind]) & others(kind)


@pytest.mark.parametrize("kind", MODULES)
def test_no_kind_has_templates_in_the_folder_of_another(kind: str) -> None:
    named = set(FOLDER.findall(MODULES[kind].read_text(encoding="utf-8")))
    assert not named & (set(MODULES) - {kind})
    assert all((ROOT / "templates" / folder).is_dir() for folder in named)


def test_the_control_both_are_found() -> None:
    assert "labctl.kinds.faults" in imported(Path(__file__).with_name("test_faults.py"))
    named = FOLDER.findall(MODULES["faults"].read_text(encoding="utf-8"))
    assert set(named) == {"faults"}
