"""The lessons of the course: each in English and in French, with the same commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.unit.stacks.running import STACKS

COURSE = sorted(path.name for path in STACKS.glob("web-*"))
FRENCH = sorted(str(path.relative_to(STACKS)) for path in STACKS.rglob("README.fr.md"))


def blocks(path: Path) -> list[str]:
    """What there is to type, and what then is seen."""
    return re.findall(r"```.*?\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("french", FRENCH)
def test_both_languages_have_the_same_commands(french: str) -> None:
    assert blocks(STACKS / french) == blocks((STACKS / french).with_name("README.md"))


@pytest.mark.parametrize("lab", COURSE)
def test_all_of_the_course_is_in_both_languages(lab: str) -> None:
    assert len(blocks(STACKS / lab / "README.fr.md")) > 3
    english = {path.parent for path in (STACKS / lab).rglob("README.md")}
    assert english == {path.parent for path in (STACKS / lab).rglob("README.fr.md")}
