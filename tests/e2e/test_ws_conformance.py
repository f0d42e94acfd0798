"""WebSocket through the front differs in no case from the direct connection: 303 cases.

Asked from the client machine, where the chat's machine can be reached directly: by its address and
port, by ws:// and by wss:// through the front, and through the inspector. The control is another
program on that machine, the chat, whose answers must not pass for the echo's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.ws_cases import PROBE, cases

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    """web-chat, up, its echo inspected under a second name."""
    made = own("web-chat")
    file = made.folder / "lab.yml"
    text = file.read_text()
    file.write_text(text.replace(
        "\nchecks:\n", "  seen:\n    service: echo\n    http: serve\n    inspect: true\n\nchecks:\n"
    ))  # fmt: skip
    made.must("up")
    return made


@pytest.fixture(scope="module")
def seen(lab: OwnLab) -> Mapping[str, Mapping[str, Any]]:
    """What each of the ways shows, by case."""
    address = lab.output("client", "dig", "+short", f"chat.hosts.{lab.domain}").strip()
    front = lab.output("client", "dig", "+short", f"echo.{lab.domain}").strip()
    authority = lab.authority().read_text()
    targets = [
        _target("direct", f"echo.{lab.domain}", address, _port(lab, "echo")),
        _target("front, plain", f"echo.{lab.domain}", front, 80),
        _target("front, encrypted", f"echo.{lab.domain}", front, 443, authority),
        _target("inspected", f"seen.{lab.domain}", front, 443, authority),
        _target("control", f"chat.{lab.domain}", address, _port(lab, "chat")),
    ]
    work = json.dumps({"targets": targets, "cases": cases()})
    out = lab.output("client", "python3", "-I", "-c", PROBE, input=work)
    found: dict[str, dict[str, Any]] = json.loads(out)
    return found


def _target(
    name: str, host: str, address: str, port: int, authority: str = ""
) -> dict[str, str | int | bool]:
    return {"name": name, "host": host, "address": address, "port": port, "tls": bool(authority),
            "authority": authority}  # fmt: skip


def _port(lab: OwnLab, service: str) -> int:
    """Where a program listens on its own machine."""
    daemon = f"/etc/labctl/daemons/websocket-{service}/env/PORT"
    return int(lab.output("chat", "cat", daemon))


def test_the_direct_connection_behaves_as_the_standard_says(
    seen: Mapping[str, Mapping[str, Any]],
) -> None:
    direct = seen["direct"]
    assert len(direct) == len(cases()) >= 200
    assert direct["text of 65536"][0] == 101
    assert direct["text of 65536"][2][3] == 65536
    assert not [name for name, told in direct.items() if told[-1] == "silent"]


@pytest.mark.parametrize("way", ["front, plain", "front, encrypted", "inspected"])
def test_no_case_differs(seen: Mapping[str, Mapping[str, Any]], way: str) -> None:
    assert differing(seen, way) == {}


def test_another_server_differs_in_most(seen: Mapping[str, Mapping[str, Any]]) -> None:
    assert len(differing(seen, "control")) > len(cases()) / 2


def differing(seen: Mapping[str, Mapping[str, Any]], way: str) -> Mapping[str, Any]:
    """The cases in which a way is not as the direct connection, with both."""
    return {
        name: (told, seen[way][name])
        for name, told in seen["direct"].items()
        if told != seen[way][name]
    }
