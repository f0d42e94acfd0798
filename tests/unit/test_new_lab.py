"""``labctl init``: what it writes is a lab, and nothing is overwritten."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from labctl.errors import UsageError
from labctl.expand import expand
from labctl.spec.lab import load
from labctl.work.new_lab import start


def test_a_new_lab_is_valid(tmp_path: Path) -> None:
    expanded = expand(*load(start("fresh", tmp_path)))
    assert expanded.domain == "fresh.test"
    assert {site.host for site in expanded.sites} == {"www.fresh.test", "app.fresh.test"}
    assert set(expanded.contents["www"]) == {"index.html", "style.css"}


def test_so_are_its_commented_parts(tmp_path: Path) -> None:
    file = start("fresh", tmp_path)
    text = file.read_text().replace("  # mail:", "  mail:").replace("  #   ", "    ")
    file.write_text(text.replace("  # plain:", "  plain:"))
    expanded = expand(*load(file))
    assert expanded.services["mail"].kind == "mail"
    assert expanded.sites[-1].tls == "none"


def test_its_application_is_python(tmp_path: Path) -> None:
    ast.parse((start("fresh", tmp_path).parent / "app" / "app.py").read_text())


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", "A", "a b", "{{ x }}", "a" * 32])
def test_what_is_no_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be a lab's name"):
        start(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("mine", "link"):
        with pytest.raises(UsageError, match="exists already"):
            start(name, tmp_path)
    with pytest.raises(UsageError, match="a lab called hello exists"):
        start("hello", tmp_path)
