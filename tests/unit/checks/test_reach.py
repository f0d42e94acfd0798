"""Trying connections, for real on this host's loopback, and which ports a check needs."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Mapping
from typing import Any

import pytest

from labctl.checks import ports, reach
from labctl.model import Check


def test_each_target_is_told_by_its_name() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # a port where nobody listens
        targets = {"open": server.getsockname(), "shut": bound.getsockname()}
        asks = [{"targets": targets}, {"targets": {"again": server.getsockname()}}]
        done = subprocess.run(
            reach.COMMAND, input=reach.written(asks), capture_output=True, check=True, timeout=10
        )
    nothing: dict[str, list[str]] = {state: [] for state in reach.STATES}
    assert reach.understood(asks, done.stdout) == [
        {**nothing, "connected": ["open"], "refused": ["shut"]},
        {**nothing, "connected": ["again"]},
    ]


def test_a_machine_that_says_less_is_noticed() -> None:
    ask = {"targets": {"a": ["127.0.0.1", 1], "b": ["127.0.0.1", 2]}}
    with pytest.raises(KeyError):
        reach.understood([ask], b"0\tconnected\n")


@pytest.mark.parametrize(
    ("client", "ask", "expected"),
    [
        ("http", {"url": "https://www.x.test/"}, {443}),
        ("http", {"url": "http://www.x.test:8080/"}, {8080}),
        ("ws", {"url": "ws://www.x.test/ws"}, {80}),
        ("dns", {"name": "x.test"}, {53}),
        ("smtp", {"server": "mail.x.test"}, {25}),
        ("smtp", {"port": 587, "read": {"protocol": "pop3"}}, {587, 995}),
        ("imap", {"port": 143}, {143}),
        ("pop3", {}, {995}),
        ("reach", {"targets": {}}, set()),
        ("tcp", {"host": "x", "port": 70, "read": True}, {70}),
        ("tls", {"host": "x"}, {443}),
        ("file", {"path": "/x"}, set()),
    ],
)
def test_the_ports_of_a_check(client: str, ask: Mapping[str, Any], expected: set[int]) -> None:
    assert ports.of(Check("", "", client, ask, {})) == expected
