"""The archive is one as HTTP Archive 1.2 has it: what others import is all there."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from labctl.inspector import har
from labctl.inspector.http1 import parsed
from labctl.inspector.records import Exchange

# sections of the specification, and the keys that it does not call optional
LOG = {"version", "creator", "entries"}
ENTRY = {"startedDateTime", "time", "request", "response", "cache", "timings"}
REQUEST = {
    "method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize",
}  # fmt: skip
RESPONSE = {
    "status", "statusText", "httpVersion", "cookies", "headers", "content", "redirectURL",
    "headersSize", "bodySize",
}  # fmt: skip


def exchange(uploaded: float = -1, answered: float = -1, ended: float = -1) -> Exchange:
    """One that took this course: seconds after its begin, -1 where that has not happened."""
    request = parsed(b"POST /a?b=c HTTP/1.1\r\nHost: www.x.test\r\nCookie: d=e\r\n\r\n")
    found = Exchange(1, "www", request, started=1_700_000_000.25)
    found.uploaded, found.answered, found.ended = uploaded, answered, ended
    if answered >= 0:
        found.response = parsed(b"HTTP/1.1 302 Found\r\nLocation: /f\r\nSet-Cookie: g=h\r\n\r\n")
    return found


COURSES = {
    "answered": (0.1, 0.3, 0.7),
    "answered at once": (0.0, 0.0, 0.0),
    "answered before all was sent": (0.5, 0.3, 0.7),
    "answered, and not all was sent": (-1, 0.3, 0.7),
    "never answered": (0.1, -1, 10.0),
    "given up while it was sent": (-1, -1, 2.0),
    "still sending": (-1, -1, -1),
    "still waiting": (0.1, -1, -1),
    "still receiving": (0.1, 0.3, -1),
}


@pytest.mark.parametrize("course", COURSES)
def test_all_that_others_need_is_there(course: str) -> None:
    archive = json.loads("".join(har.archive([exchange(*COURSES[course])] * 2)))
    log = archive["log"]
    assert log.keys() >= LOG
    assert (log["version"], {*log["creator"]}) == ("1.2", {"name", "version"})
    for entry in log["entries"]:
        assert entry.keys() >= ENTRY
        assert entry["request"].keys() >= REQUEST
        assert entry["response"].keys() >= RESPONSE
        assert entry["response"]["content"].keys() >= {"size", "mimeType"}
        assert datetime.fromisoformat(entry["startedDateTime"]).timestamp() == 1_700_000_000.25
        own = [key for key in entry if key not in ENTRY and key != "connection"]
        assert all(key.startswith("_") for key in own)
    assert len(log["entries"]) == 2


@pytest.mark.parametrize("course", COURSES)
def test_the_parts_of_its_time_are_all_of_it(course: str) -> None:
    """Specification, timings: their sum, those that are -1 apart, is the entry's time."""
    entry = har.entry(exchange(*COURSES[course]))
    parts = [part for part in entry["timings"].values() if part != -1]
    assert len(parts) == 3
    assert all(part >= 0 for part in parts)
    assert sum(parts) == pytest.approx(entry["time"])


@pytest.mark.parametrize(
    ("course", "parts"),
    [
        ("answered", (100, 200, 400)),
        ("answered before all was sent", (300, 0, 400)),
        ("never answered", (100, 9900, 0)),
        ("given up while it was sent", (2000, 0, 0)),
    ],
)
def test_what_took_its_time(course: str, parts: tuple[float, ...]) -> None:
    found: dict[str, Any] = har.timings(exchange(*COURSES[course]))
    assert tuple(found[name] for name in ("send", "wait", "receive")) == pytest.approx(parts)
