"""Whether a host has room for sandboxes is said before the first one starts."""

from __future__ import annotations

import pytest

from labctl.classes.capacity import FRESH, IDLE, IMAGE, MIB, SPARE, Free, Wanted, judge

GIB = 1024 * MIB
THIRTY = Wanted(sandboxes=30, machines=1, memory=256 * MIB, disk=256 * MIB)
PLENTY = Free(memory=100 * GIB, disk=100 * GIB)


def said(wanted: Wanted, free: Free) -> list[str]:
    return [word.kind for word in judge(wanted, free)]


def test_where_there_is_room_nothing_is_said() -> None:
    assert said(THIRTY, PLENTY) == []
    assert said(THIRTY, Free(None, None)) == []
    assert said(Wanted(0, 1, GIB, GIB), Free(0, 0)) == []


@pytest.mark.parametrize(
    ("memory", "kinds"),
    [(30 * 256 * MIB, []), (30 * 256 * MIB - 1, ["warn"]), (30 * IDLE + SPARE, ["warn"]),
     (30 * IDLE + SPARE - 1, ["refuse"])],
)  # fmt: skip
def test_memory(memory: int, kinds: list[str]) -> None:
    assert said(THIRTY, Free(memory, PLENTY.disk)) == kinds


@pytest.mark.parametrize(
    ("disk", "kinds"),
    [(30 * 256 * MIB, []), (30 * 256 * MIB - 1, ["warn"]), (30 * FRESH + SPARE - 1, ["refuse"])],
)
def test_disk(disk: int, kinds: list[str]) -> None:
    assert said(THIRTY, Free(PLENTY.memory, disk)) == kinds


def test_images_to_build_count() -> None:
    wanted = Wanted(1, 1, 256 * MIB, GIB, images=2)
    (word,) = judge(wanted, Free(PLENTY.memory, GIB + 2 * IMAGE - 1))
    assert word.kind == "warn"
    assert "1 sandbox and 2 images to build" in word.text


def test_both_are_said_at_once() -> None:
    texts = [word.text for word in judge(THIRTY, Free(GIB // 2, GIB // 2))]
    assert texts == [
        "30 sandboxes need at least 1.012G of memory, idle; 512M are available",
        "30 sandboxes need at least 976M of disk; 512M are free",
    ]
