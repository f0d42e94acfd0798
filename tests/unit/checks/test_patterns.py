"""Regular expressions over what a machine says: they end, in every thread."""

from __future__ import annotations

import time

import pytest

from labctl.checks import patterns
from labctl.checks.expect import differences
from labctl.parallel import each

EVIL, TEXT = "^(a+)+$", "a" * 64 + "!"


@pytest.mark.parametrize(("pattern", "text", "found"), [("b+", "abbc", True), ("^b", "ab", False),
                                                        ("é\x00?\n", "é\n", True)])  # fmt: skip
def test_a_pattern_is_found_in_each_thread(pattern: str, text: str, found: bool) -> None:
    assert patterns.found(pattern, text) is found
    assert each(lambda _: patterns.found(pattern, text), [1, 2]) == [found, found]


def test_one_that_takes_years_is_stopped() -> None:
    begin = time.monotonic()
    with pytest.raises(patterns.TooLong):
        patterns.found(EVIL, TEXT)
    with pytest.raises(patterns.TooLong):
        each(lambda _: patterns.found(EVIL, TEXT), [1])
    assert time.monotonic() - begin < 10


def test_what_cannot_be_decided_does_not_hold() -> None:
    for wanted in ({"matches": EVIL}, {"not": {"matches": EVIL}}):
        (said,) = differences({"body": wanted}, {"body": TEXT})
        assert "could not be decided within 1 s" in said
