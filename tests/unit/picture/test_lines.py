"""Line charts: marks, gaps, words for those who do not see them."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from labctl.picture.lines import Line, Panel, decades, draw, steps

SVG = "{http://www.w3.org/2000/svg}"
PLACES = (1, 2, 4)


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        ([], (0, 0.2, 0.4, 0.6, 0.8, 1)),
        ([0.0], (0, 0.2, 0.4, 0.6, 0.8, 1)),
        ([3.0, 9.0], (0, 2, 4, 6, 8, 10)),
        ([1000.0], (0, 200, 400, 600, 800, 1000)),
        ([2439.0], (0, 500, 1000, 1500, 2000, 2500)),
    ],
)
def test_marks_are_round_and_hold_all_values(values: list[float], marks: tuple[float, ...]) -> None:
    assert steps(values) == pytest.approx(marks)


@pytest.mark.parametrize(
    ("values", "marks"),
    [([], (1, 10)), ([0.0], (1, 10)), ([5.0], (1, 10)), ([5.0, 1300.0], (1, 10, 100, 1000, 10000))],
)
def test_decades_hold_all_values(values: list[float], marks: tuple[float, ...]) -> None:
    assert decades(values) == pytest.approx(marks)


def paths(text: str, name: str) -> list[str]:
    found = ElementTree.fromstring(text).iter(f"{SVG}path")
    return [path.attrib["d"] for path in found if path.attrib["class"] == name]


def drawn_with(values: dict[int, float], log: bool = False) -> str:
    return draw("x", "y", PLACES, [Panel("p", [Line("a", values)], log)])


def test_a_value_that_is_missing_is_a_gap() -> None:
    whole, gap = drawn_with({1: 1, 2: 2, 4: 3}), drawn_with({1: 1, 4: 3})
    assert [paths(one, "l-0")[0].count("M") for one in (whole, gap)] == [1, 2]


def test_higher_values_stand_higher_on_either_scale() -> None:
    for log in (False, True):
        (path, _) = paths(drawn_with({1: 1, 2: 20, 4: 300}, log), "l-0")
        heights = [float(word) for word in path.split()[1::2]]
        assert heights == sorted(heights, reverse=True)


def test_words_are_text_and_numbers_are_told() -> None:
    drawn = draw("<b>&", "y", PLACES, [Panel("a < b", [Line("<script>", {1: 12.5})])])
    told = ElementTree.fromstring(drawn).findtext(f"{SVG}desc")
    assert told == "a < b. <script>: 12.5 at 1."
    assert "<script>" not in drawn


def test_the_same_gives_the_same_and_asks_nobody() -> None:
    panels = [Panel("p", [Line("a", {1: 1})]), Panel("q", [], log=True)]
    assert draw("x", "y", PLACES, panels) == draw("x", "y", PLACES, panels)
    assert "href" not in draw("x", "y", PLACES, panels)
