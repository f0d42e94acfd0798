"""What an intruder finds, as it is told."""

from __future__ import annotations

from labctl.experiments.blast import varied


def test_examples_come_from_many_folders() -> None:
    paths = {"/a/1", "/a/2", "/a/3", "/b/1", "/c/d/1"}
    assert varied(paths) == ["/a/1", "/b/1", "/c/d/1", "/a/2", "/a/3"]


def test_nothing_is_nothing() -> None:
    assert varied(()) == []
