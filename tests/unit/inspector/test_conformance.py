"""The cases of the WebSocket comparison through the inspector, against the direct connection."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.support.ws_cases import PROBE, cases, frame
from tests.unit.inspector.support import HOST, inspecting
from tests.unit.stacks.running import running


def seen(**ports: int) -> dict[str, dict[str, Any]]:
    targets = [
        {"name": name, "host": HOST, "address": "127.0.0.1", "port": port, "tls": False}
        for name, port in ports.items()
    ]
    done = subprocess.run(
        [sys.executable, "-I", "-c", PROBE],
        input=json.dumps({"targets": targets, "cases": cases()}),
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return found


def test_there_are_enough_cases() -> None:
    assert len(cases()) >= 200


def test_a_frame_is_as_the_standard_shows_it() -> None:
    """RFC 6455 section 5.7: a masked "Hello"."""
    assert frame(1, b"Hello").hex() == "818537fa213d7f9f4d5158"


def test_the_inspector_changes_no_case(tmp_path: Path) -> None:
    with (
        running("web-chat/echo/echo.py") as (direct, _),
        inspecting(tmp_path, direct) as inspector,
    ):
        found = seen(direct=direct, inspected=inspector.relay)
    differing = {
        name: (told, found["inspected"][name])
        for name, told in found["direct"].items()
        if told != found["inspected"][name]
    }
    assert differing == {}
    ends = [told[-1] for told in found["direct"].values()]
    assert "silent" not in ends
    whole = found["direct"]["text of 65536"]
    assert (whole[0], whole[2][3], whole[-1]) == (101, 65536, "ended")
    assert found["direct"]["no such path"][0] == 404


def test_a_server_that_differs_is_found(tmp_path: Path) -> None:
    """The control: a chat is no echo."""
    with (
        running("web-chat/echo/echo.py") as (echo, _),
        running("web-chat/chat/chat.py") as (chat, _),
    ):
        found = seen(echo=echo, chat=chat)
    assert found["echo"]["text of 1"] != found["chat"]["text of 1"]
