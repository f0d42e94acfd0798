"""Comparing what was seen with what must hold."""

from __future__ import annotations

from typing import Any

import pytest

from labctl.checks.expect import brief, differences, holds


@pytest.mark.parametrize(
    ("wanted", "value", "result"),
    [
        (200, 200, True),
        (200, "200", False),
        (True, True, True),
        (None, None, True),
        ({"matches": "^[23]..$"}, 308, True),
        ({"matches": "^[23]..$"}, 404, False),
        ({"matches": "."}, None, False),
        ({"contains": "b"}, "abc", True),
        ({"contains": "b"}, ["a", "b"], True),
        ({"contains": "b"}, None, False),
        ({"in": [1, 2]}, 2, True),
        ({"in": [1, 2]}, 3, False),
        ({"not": 1}, 2, True),
        ({"not": {"matches": "x"}}, "axb", False),
        ({"matches": "a", "not": {"contains": "b"}}, "abc", False),
    ],
)
def test_expectations(wanted: Any, value: Any, result: bool) -> None:
    assert holds(wanted, value) is result


def test_an_expectation_that_nobody_knows_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="does not have the word 'like'"):
        holds({"like": 1}, 1)


@pytest.mark.parametrize(
    ("expect", "seen", "said"),
    [
        ({"status": 200}, {"status": 200, "more": 1}, []),
        ({"status": 200}, {"status": 404}, ["status: expected 200, got 404"]),
        ({"status": 200}, {}, ["status: expected 200, got null"]),
        (
            {"body": {"matches": "x"}, "n": {"not": {"in": [1, 2]}}},
            {"body": "a\x1b[31mb", "n": 2},
            [
                "body: expected something that matches x, got a [31mb",
                "n: expected not one of 1, 2, got 2",
            ],
        ),
        (
            {"status": 200},
            {"error": "connection refused"},
            ["expected an answer, got: connection refused"],
        ),
        ({"error": {"matches": "refused"}}, {"error": "connection refused"}, []),
    ],
)
def test_differences_in_words(
    expect: dict[str, Any], seen: dict[str, Any], said: list[str]
) -> None:
    assert differences(expect, seen) == said


def test_a_long_answer_is_cut() -> None:
    assert len(brief("x" * 1000)) == 200
    assert brief({"a": [1]}) == '{"a": [1]}'
