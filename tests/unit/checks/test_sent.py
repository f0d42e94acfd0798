"""What a machine answers is a stranger's data: no token, no answer; nothing in it does harm."""

from __future__ import annotations

import pytest

from labctl.checks import asking, sent

MINE, OTHER = "a" * 32, "b" * 32


def test_only_tokens_that_were_given_out_count() -> None:
    output = f'{OTHER} {{"status": 200}}\nnonsense\n{MINE} {{"status": 404}}\n'.encode()
    assert sent.understood(output, {MINE}) == {MINE: {"status": 404}}


def test_the_first_answer_counts() -> None:
    output = f'{MINE} {{"status": 404}}\n{MINE} {{"status": 200}}\n'.encode()
    assert sent.understood(output, {MINE}) == {MINE: {"status": 404}}


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b"", "the answer cannot be read"),
        (b"{", "the answer cannot be read"),
        (b"[" * 100_000, "the answer cannot be read"),
        (b'{"n": ' + b"9" * 10_000 + b"}", "the answer cannot be read"),
        (b"\xff\xfe", "the answer cannot be read"),
        (b"[1]", "the answer is something else than what a client sees"),
        (b" " * (asking.ANSWER + 1), "the answer is too long"),
    ],
)
def test_an_answer_that_is_none(text: bytes, error: str) -> None:
    output = MINE.encode() + b" " + text
    assert sent.understood(output, {MINE}) == {MINE: {"error": error}}


def test_numbers_that_are_none_become_text() -> None:
    output = MINE.encode() + b' {"a": NaN, "b": -Infinity, "c": 1e999, "d": 1.5}'
    seen = sent.understood(output, {MINE})[MINE]
    assert seen == {"a": "NaN", "b": "-Infinity", "c": "1e999", "d": 1.5}


def test_an_answer_is_cut() -> None:
    output = MINE.encode() + b' {"body": "' + b"x" * 300_000 + b'"}'
    assert len(sent.understood(output, {MINE})[MINE]["body"]) <= asking.KEPT
