"""The picture of a lab."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from labctl.picture.graph import arrange, draw
from labctl.picture.paper import on_paper

ROOT = Path(__file__).parent.parent.parent
LAB1 = str(ROOT / "stacks" / "lab1")
SVG = "{http://www.w3.org/2000/svg}"


def test_the_picture_in_docs_is_up_to_date() -> None:
    assert (ROOT / "docs" / "lab1.svg").read_text(encoding="utf-8") == draw(on_paper(LAB1)), (
        "make it anew: labctl graph lab1 --as-written --out docs/lab1.svg"
    )


def test_it_names_every_site_machine_and_address() -> None:
    lab = on_paper(LAB1)
    tree = ElementTree.fromstring(draw(lab))
    words = {element.text for element in tree.iter(f"{SVG}text")}
    assert {site.host for site in lab.sites} <= words
    assert set(lab.machines) <= words
    assert {machine.address for machine in lab.machines.values()} <= words
    assert {"80", "443"} <= words


def test_it_is_accessible_and_loads_nothing() -> None:
    picture = draw(on_paper(LAB1))
    tree = ElementTree.fromstring(picture)
    ids = {tree[0].get("id"), tree[1].get("id")}
    assert tree.get("role") == "img"
    assert set((tree.get("aria-labelledby") or "").split()) == ids
    assert (tree[0].tag, tree[1].tag) == (f"{SVG}title", f"{SVG}desc")
    assert re.findall(r"https?://[^\"]+", picture) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"url\(|@import|href|<script|<image", picture)
    assert "prefers-color-scheme:dark" in picture


@pytest.mark.parametrize(
    "title",
    ["</title><script>alert(1)</script>", '" onload="x', "a & b", "]]>", "\x00\x1b[31m\ufffe"],
)
def test_a_hostile_title_stays_text(title: str) -> None:
    tree = ElementTree.fromstring(draw(replace(on_paper(LAB1), title=title)))
    assert {element.tag.removeprefix(SVG) for element in tree.iter()} <= {
        "svg", "title", "desc", "style", "rect", "text", "path",
    }  # fmt: skip
    assert not any(name.startswith("on") for element in tree.iter() for name in element.attrib)
    if title.isprintable():
        assert title in (tree[0].text or "")


def test_no_boxes_overlap() -> None:
    layout = arrange(on_paper(LAB1))
    boxes = [layout.host, layout.front, *layout.sites.values(),
             *layout.machines.values(), *layout.below.values()]  # fmt: skip
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :]:
            apart = one.right <= other.x or other.right <= one.x
            assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y
        assert one.y + one.height <= layout.height
