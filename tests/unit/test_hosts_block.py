"""The block for /etc/hosts."""

from __future__ import annotations

from dataclasses import replace

from labctl.host.hosts_block import hosts_block
from labctl.model import Lab, Publishing, Site

LAB = Lab(
    name="demo",
    title="",
    domain="demo.test",
    services={},
    sites=(Site("www", "www", ("www.demo.test", "www.demo.localhost")),),
    machines={},
    networks=(),
)


def test_names_on_the_host_stand_between_two_marks() -> None:
    assert hosts_block(LAB).splitlines() == [
        "# begin hosting-labctl demo",
        "127.0.0.1 www.demo.localhost",
        "::1 www.demo.localhost",
        "# end hosting-labctl demo",
    ]


def test_without_ipv6_there_is_one_address() -> None:
    lab = replace(LAB, publishing=Publishing(ipv6=False))
    assert "::1" not in hosts_block(lab)
