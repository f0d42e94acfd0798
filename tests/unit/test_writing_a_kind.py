"""The example in docs/writing-a-kind.md is a kind that works."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from labctl import kinds
from labctl.expand import expand
from labctl.model import Kept, Lab, Template
from labctl.picture import paper
from labctl.render import templates
from labctl.spec.lab import read
from labctl.spec.problems import InvalidLab

PAGE = Path(__file__).parent.parent.parent / "docs" / "writing-a-kind.md"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the content of the example's lab, while its kind can be found."""
    (tmp_path / "kinds").mkdir()
    (tmp_path / "kinds" / "phpdev.py").write_text(block("python"))
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "index.php").write_text("<?php echo 1;")
    monkeypatch.setattr(kinds, "__path__", [*kinds.__path__, str(tmp_path / "kinds")])
    for cached in (kinds.names, kinds.load):
        cached.cache_clear()
    yield tmp_path
    for cached in (kinds.names, kinds.load):
        cached.cache_clear()


def placed(folder: Path) -> Lab:
    lab = expand(*read(block("yaml").encode(), "lab.yml", folder))
    return paper.placed(lab)


def test_the_example_expands_and_renders(folder: Path) -> None:
    lab = placed(folder)
    service = lab.services["shop"]
    found = {f.path: f for f in kinds.load("phpdev").files(service, lab, Kept(""))}
    assert set(found) == {"/etc/php/lab.ini", "/srv/shop/index.php"}
    template = found["/etc/php/lab.ini"].content
    assert isinstance(template, Template)
    text = templates.environment().from_string(block("jinja")).render(**template.context)
    assert "upload_max_filesize = 2M" in text
    assert kinds.summary("phpdev") == "Pages in PHP, run by PHP's built-in web server."


def test_what_it_complains_of_has_its_place(folder: Path) -> None:
    (folder / "shop" / "index.php").rename(folder / "shop" / "other.php")
    with pytest.raises(
        InvalidLab, match=r"lab.yml:3:\d+: services.shop.content: there is no index"
    ):
        placed(folder)
