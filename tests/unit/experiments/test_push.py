"""The experiment `push`: its program against the chat itself, and its figures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from labctl.experiments import COMPARED, NAMES, push
from labctl.experiments.apparatus.ship import source
from tests.unit.stacks.running import running

WORK = {"listeners": 3, "messages": 4, "pause": 0.05, "every": 0.2, "patience": 5}


def ran(*sites: dict[str, Any]) -> Any:
    done = subprocess.run(
        [sys.executable, "-I", "-c", source("pusher")],
        input=json.dumps({**WORK, "sites": sites}), capture_output=True, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def site(port: int) -> dict[str, Any]:
    return {"name": "chat", "host": "127.0.0.1", "port": port, "path": "/", "tls": False,
            "verify": False}  # fmt: skip


@pytest.fixture(scope="module")
def chat() -> Iterator[int]:
    with running("web-chat/chat/chat.py") as (port, _):
        yield port


def test_every_message_is_heard_by_every_listener_in_each_way(chat: int) -> None:
    found = ran(site(1), site(chat))
    assert found["site"] == "chat"
    assert list(found["ways"]) == list(push.WAYS)
    for name, seen in found["ways"].items():
        assert (seen["missing"], len(seen["delays"]), seen["troubles"]) == (0, 12, []), name
        assert seen["connections"] == 3
        assert all(delay >= 0 for delay in seen["delays"])
    requests = {name: seen["requests"] for name, seen in found["ways"].items()}
    assert requests["websocket"] == requests["events"] == 3
    assert requests["long poll"] > 3
    sizes = {name: seen["bytes"] for name, seen in found["ways"].items()}
    assert sizes["websocket"] < sizes["long poll"]


def test_a_lab_without_such_a_site_is_told_so() -> None:
    assert ran(site(1)) == {}
    found = list(push.figures({}))
    assert all(figure.value is None and "/push.json" in figure.note for figure in found)


def test_what_is_missing_is_said() -> None:
    seen = {"delays": [0.001], "missing": 2, "bytes": 100, "connections": 1, "requests": 1,
            "troubles": ["EOFError: gone"]}  # fmt: skip
    found = {f.key: f for f in push.figures({"ways": {"websocket": seen}})}
    assert found["push.websocket.p50"].value == 1.0
    assert "2 missing EOFError: gone" in found["push.websocket.p50"].note
    assert found["push.websocket.bytes"].value == 100
    assert found["push.events.p50"].value is None


def test_it_is_no_part_of_a_comparison_of_platforms() -> None:
    assert "push" in NAMES
    assert "push" not in COMPARED
