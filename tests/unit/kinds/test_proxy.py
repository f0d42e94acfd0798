"""The web proxy's configuration; that it holds is shown by the tests on a real lab."""

from __future__ import annotations

from tests.support import lab_from, tree_of

LAB = "lab: x\nplatform: on-premise\nservices: {}\nplatforms: {on-premise: {outgoing: proxy}}\n"


def test_the_lan_alone_may_use_it_and_only_for_the_web() -> None:
    lab = lab_from(LAB)
    content = tree_of(lab).machines["proxy"]["/etc/squid/squid.conf"].content
    assert isinstance(content, bytes)
    lines = content.decode().splitlines()
    assert [line for line in lines if line.startswith("acl clients")] == [
        f"acl clients src {network.subnet}" for network in lab.networks if network.name == "lan"
    ]
    assert [line for line in lines if line.startswith("http_access")] == [
        "http_access deny !web",
        "http_access deny CONNECT !tls",
        "http_access allow clients",
        "http_access deny all",
    ]
    assert lab.services["proxy"].expansion.capabilities == frozenset()
