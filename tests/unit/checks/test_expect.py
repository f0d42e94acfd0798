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
        (1, True, False),
        (True, 1, False),
        (["a", "b"], ["a", "b"], True),
        (["a", "b"], ["b", "a"], False),
        ({"matches": "^b"}, ["a", "b"], True),
        ({"matches": "^c"}, ["a", "b"], False),
        ({"contains": "a"}, 5, False),
        ({"least": 3}, 3, True),
        ({"least": 3}, 2.9, False),
        ({"least": 3}, "4", True),
        ({"least": 0}, True, False),
        ({"least": 0}, None, False),
        ({"most": 3}, 4, False),
        ({"most": 3}, "9" * 30, False),
        ({"in": [1]}, True, False),
        ({"there": False}, None, True),
        ({"there": False}, "", False),
        ({"there": True}, "", True),
        ({"json": {"a.b[1]": 2}}, '{"a": {"b": [1, 2]}}', True),
        ({"json": {"a.b[2]": 2}}, '{"a": {"b": [1, 2]}}', False),
        ({"json": {"a.c": {"there": False}}}, '{"a": {"b": 1}}', True),
        ({"json": {"[0].n": {"least": 2}}}, '[{"n": 2}]', True),
        ({"json": {"a": "1"}}, '{"a": 1}', False),
        ({"json": {"a": {"there": False}}}, "<html>", False),
        ({"json": {"a": {"not": 1}}}, None, False),
        ({"json": {"a": {"not": 1}}}, "[" * 100_000, False),
        ({"fields": {"etag": {"matches": "^W/"}}}, {"etag": "W/1"}, True),
        ({"fields": {"etag": {"there": False}}}, {}, True),
        ({"fields": {"etag": "x"}}, None, False),
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
        ({"status": 200}, {}, ["status: expected 200, got nothing"]),
        (
            {"body": {"matches": "x"}, "n": {"not": {"in": [1, 2]}}},
            {"body": "a\x1b[31mb", "n": 2},
            [
                "body: expected something that matches x, got a\\x1b[31mb",
                "n: expected not one of 1, 2, got 2",
            ],
        ),
        (
            {"status": 200},
            {"error": "connection refused"},
            ["expected an answer, got: connection refused"],
        ),
        ({"error": {"matches": "refused"}}, {"error": "connection refused"}, []),
        (
            {"header": {"fields": {"etag": {"there": True}, "age": {"least": 1, "most": 3}}}},
            {"header": {"age": "5"}},
            [
                "header etag: expected something, got nothing",
                "header age: expected at least 1 and at most 3, got 5",
            ],
        ),
        (
            {"body": {"json": {"user.name": "x"}, "contains": "y"}},
            {"body": "<p>"},
            [
                "body user.name: expected x, got text that is no JSON",
                "body: expected something that contains y, got <p>",
            ],
        ),
        ({"body": {"not": {"matches": "a|b"}}}, {"body": ""}, []),
        ({"body": "a"}, {"body": ""}, ["body: expected a, got an empty text"]),
        (
            {"error": "x"},
            {"error": "\u202egnp\x9b31m"},
            [r"error: expected x, got \u202egnp\x9b31m"],
        ),
    ],
)
def test_differences_in_words(
    expect: dict[str, Any], seen: dict[str, Any], said: list[str]
) -> None:
    assert differences(expect, seen) == said


def test_a_long_answer_is_cut() -> None:
    assert len(brief("x" * 1000)) == 200
    assert brief({"a": [1]}) == '{"a": [1]}'
