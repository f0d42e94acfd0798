"""What readers are told: verbs, labs and experiments that there are, and links that lead on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from labctl.cli import VERBS
from labctl.exercises.exercise_file import anchors
from labctl.experiments import COMPARED, NAMES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COURSE = {
    "web-servers", "web-dynamic", "web-workers", "web-inspect", "web-api", "web-https",
    "web-cookies", "web-chat",
}  # fmt: skip
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "bench" / "README.md",
         *sorted((ROOT / "stacks").rglob("*.md"))]  # fmt: skip
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)")


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def test_the_readme_names_every_verb() -> None:
    named = README.partition("## Commands\n")[2].partition(":\n")[0]
    assert set(re.findall(r"`([a-z]+)`", named)) == set(VERBS)


def test_the_readme_leads_to_every_lab_of_the_course() -> None:
    assert {path.name for path in (ROOT / "stacks").glob("web-*")} == COURSE
    assert all(f"[{lab}](stacks/{lab}/README.md)" in README for lab in COURSE)


def test_what_compares_no_platforms_is_named_beside_comparing() -> None:
    comparing = text(ROOT / "docs/platforms.md").partition("## Comparing\n")[2]
    for name in set(NAMES) - set(COMPARED):
        assert f"`{name}`" in comparing
        assert f"labctl experiment {name} " in README


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for path, heading in LINK.findall(text(page)):
        there = page.parent / path if path else page
        assert there.exists(), path
        assert not heading or heading in set(anchors(text(there))), (path, heading)


def test_the_control_links_are_found() -> None:
    assert ("docs/lab-file.md", "") in LINK.findall(README)
    assert ("lab-file.md", "check") in LINK.findall(text(ROOT / "docs/writing-an-exercise.md"))
    assert not LINK.findall("[a](https://a.example/) [b](mailto:b@a.example)")
