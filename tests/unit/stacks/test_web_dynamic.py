"""web-dynamic: one application, so what is said to be the same in four languages is the same."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

STACK = Path(__file__).parents[3] / "stacks" / "web-dynamic"
PAGES = {
    "flask": "flask/templates/todo.html",
    "django": "django/templates/todo.html",
    "express": "express/views/todo.ejs",
    "php": "php/templates/todo.php",
}
HOLE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|<%.*?%>|<\?.*?\?>", re.DOTALL)
TOKEN = '<input type="hidden" name="csrf" value="{{ csrf }}">'


def page(name: str) -> str:
    return (STACK / PAGES[name]).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["express", "php"])
def test_the_page_is_one_text_in_other_brackets(name: str) -> None:
    assert HOLE.sub("…", page(name)) == HOLE.sub("…", page("flask"))


def test_djangos_differs_in_its_token_only() -> None:
    assert page("django") == page("flask").replace(TOKEN, "{% csrf_token %}")


def test_nothing_is_put_into_the_page_unescaped() -> None:
    assert "<%-" not in page("express")
    assert all(hole.startswith("<?= e(") for hole in re.findall(r"<\?=.*?\?>", page("php")))
    assert not any("safe" in page(name) for name in PAGES)


@pytest.mark.parametrize("name", ["express", "php"])
def test_the_migrations_are_the_same_files(name: str) -> None:
    def migrations(folder: str) -> dict[str, bytes]:
        found = (STACK / folder / "migrations").glob("*.sql")
        return {path.name: path.read_bytes() for path in found}

    assert migrations(name) == migrations("flask")
    assert len(migrations(name)) == 3


@pytest.mark.parametrize("path", sorted(STACK.rglob("*.py")), ids=lambda path: path.name)
def test_the_programs_are_python(path: Path) -> None:
    compile(path.read_text(encoding="utf-8"), str(path), "exec")


def test_the_injection_goes_in_by_one_line(tmp_path: Path) -> None:
    """What the exercise's script does to the program: a statement is put together of a name."""
    program = tmp_path / "app.py"
    program.write_bytes((STACK / "flask" / "app.py").read_bytes())
    script = (STACK / "exercises/01-injection/setup/flask.sh").read_text().splitlines()
    for line in script[:2]:
        command = line.replace("/srv/flask/app.py", str(program))
        subprocess.run(["bash", "-eu", "-c", command], check=True)
    changed = program.read_text()
    compile(changed, "app.py", "exec")
    assert "WHERE name = '\" + name + \"' GROUP BY name" in changed
    assert changed.count("%s") == (STACK / "flask" / "app.py").read_text().count("%s") - 1
