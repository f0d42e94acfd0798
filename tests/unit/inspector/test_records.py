"""What is remembered stays within its bounds, whatever passes and however long."""

from __future__ import annotations

import tracemalloc

import pytest

from labctl.inspector import http1
from labctl.inspector.frames import TEXT, Frame
from labctl.inspector.records import Records

FRAME = Frame(TEXT, fin=True, compressed=False, masked=False, size=5, data=b"hello")


def head(fields: int = 0) -> http1.Head:
    """A request with so many header fields, as short as they can be."""
    lines = "".join(f"{number:x}:\r\n" for number in range(fields))
    return http1.parsed(f"GET / HTTP/1.1\r\n{lines}\r\n".encode())


@pytest.mark.parametrize("how", ["others came", "cleared"])
def test_what_is_forgotten_takes_no_memory_while_it_goes_on(how: str) -> None:
    records = Records(count=10)
    first = records.begin("www", head())

    def goes_on() -> None:
        records.frame(first, "client", FRAME)
        records.keep(first, first.received, b"x" * 1000)

    goes_on()
    assert (len(first.frames), len(first.received.kept)) == (1, 1000)
    if how == "cleared":
        records.clear()
    else:
        for _ in range(10):
            records.begin("www", head())
    assert records.get(first.number) is None
    goes_on()
    assert (len(first.frames), first.frame_bytes, len(first.received.kept)) == (0, 0, 0)
    assert (first.frame_count, first.received.size) == (2, 2000), "it is still counted"


def test_what_is_not_remembered_is_not_kept() -> None:
    records = Records()
    ignored = records.ignored("", head())
    records.frame(ignored, "client", FRAME)
    records.keep(ignored, ignored.sent, b"x")
    assert (len(ignored.frames), len(ignored.sent.kept)) == (0, 0)


def test_who_looks_away_is_told_of_no_more_than_there_is() -> None:
    records = Records(count=10)
    watcher = records.watch(lambda: None)
    for _ in range(100):
        records.begin("www", head())
    assert list(watcher.changed) == [one.number for one in records]


def test_many_short_header_fields_are_weighed_as_what_they_take() -> None:
    records = Records(memory=2**20)
    tracemalloc.start()
    for _ in range(60):
        records.begin("www", head(fields=2000))
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(records) > 1
    assert used < 2 * 2**20


@pytest.mark.parametrize("length", ["many", "-1", "+1", "1_0", "9" * 5000, "5, 5"])
def test_a_length_that_is_none_is_refused(length: str) -> None:
    asked = http1.parsed(f"POST / HTTP/1.1\r\nContent-Length: {length}\r\n\r\n".encode())
    with pytest.raises(http1.Broken, match="no length"):
        http1.request_framing(asked)
