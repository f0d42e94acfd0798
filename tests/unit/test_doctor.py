"""What the doctor makes of what was seen, and how it looks."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from labctl.host import holders
from labctl.host.doctor import CAPABILITIES, GIB, Facts, Finding, Route, diagnose
from labctl.host.facts import bounding_set, in_memory, routes_of_others

WELL = Facts(
    engine="28.2.2",
    info={"MemoryLimit": True, "CpuCfsQuota": True, "PidsLimit": True},
    compose="2.26.1-4",
    holders={80: "", 443: ""},
    routes=(Route("0.0.0.0/0", "interface eth0"), Route("172.17.0.0/16", "interface docker0")),
    disk=50 * GIB,
    memory=4 * GIB,
    programs=frozenset({"certutil", "mmdebstrap"}),
    mirror="http://m.example/debian",
)


def ill(facts: Facts) -> list[Finding]:
    return [finding for finding in diagnose(facts) if finding.state != "ok"]


def test_a_good_host_has_nothing_to_mend() -> None:
    assert ill(WELL) == []


@pytest.mark.parametrize(
    ("change", "state", "what", "mend"),
    [
        ({"engine": "", "trouble": "no such file"}, "fail", "no such file", "make up"),
        ({"engine": "", "trouble": "Permission denied"}, "fail", "Permission", "usermod"),
        ({"engine": "18.9.1"}, "warn", "older than 20.10", "docker.io"),
        ({"compose": ""}, "fail", "does not answer", "make up"),
        ({"compose": "1.29.2"}, "fail", "1.29.2 is too old", "make up"),
        ({"bounding": CAPABILITIES - {"KILL"}}, "fail", "KILL", "capsh"),
        ({"info": {"MemoryLimit": True}}, "warn", "CPU and process limits", "cgroup"),
        ({"holders": {443: "lab demo"}}, "warn", "443 is held by lab demo", "--https 8443"),
        ({"holders": {80: "nginx (process 7)"}}, "warn", "nginx (process 7)", "--http 8080"),
        ({"ipv6_loopback": False}, "warn", "no ::1", "sysctl"),
        ({"disk": GIB // 2}, "fail", "0.5 GiB free", "docker system df"),
        ({"disk": 2 * GIB}, "warn", "2.0 GiB free", "docker system df"),
        ({"memory": GIB // 2}, "warn", "0.5 GiB free", "labctl down"),
        ({"resolves_localhost": False}, "warn", "localhost", "libnss-myhostname"),
        ({"programs": frozenset({"mmdebstrap"})}, "warn", "certutil", "libnss3-tools"),
        ({"programs": frozenset({"certutil"})}, "warn", "mmdebstrap", "apt-get install"),
        ({"mirror": ""}, "warn", "no Debian mirror", "HOSTING_LABCTL_DEBIAN_MIRROR"),
        (
            {"routes": (Route("198.18.0.0/16", "interface tun0"),)},
            "warn",
            "belongs to interface tun0",
            "subnet:",
        ),
    ],
)
def test_each_ill_has_its_mend(change: dict[str, Any], state: str, what: str, mend: str) -> None:
    (finding,) = ill(replace(WELL, **change))
    assert finding.state == state
    assert what in finding.what
    assert mend in finding.mend


def test_an_engine_that_is_away_does_not_hide_the_rest() -> None:
    names = [finding.name for finding in ill(replace(WELL, engine="", compose="", info={}))]
    assert names == ["engine", "compose"]


TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1
   1: 0501A8C0:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1
   2: 0100007F:01BB 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 13 1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st ...
   0: 00000000000000000000000001000000:01BB 00000000000000000000000000000000:0000 0A \
00000000:00000000 00:00000000 00000000     0        0 14 1
"""


def test_sockets_are_read_as_the_kernel_prints_them() -> None:
    found = [*holders.parse(TCP), *holders.parse(TCP6)]
    assert [(s.address, s.port, s.inode) for s in found] == [
        ("127.0.0.1", 80, "11"),
        ("192.168.1.5", 80, "12"),
        ("::1", 443, "14"),
    ]
    assert [s.inode for s in holders.in_the_way(found, 80)] == ["11"]
    assert [s.inode for s in holders.in_the_way(found, 80, "192.168.1.5")] == ["12"]
    assert holders.in_the_way(found, 80, "192.168.1.6") == ()
    everywhere = holders.Listener("0.0.0.0", 53, "15")
    assert holders.in_the_way([everywhere], 53, "192.168.1.6") == (everywhere,)


CONTAINERS = [
    {"Names": ["/demo-front-1"], "Labels": {"hosting-labctl.lab": "demo"}, "Ports": [
        {"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 80, "Type": "tcp"}]},
    {"Names": ["/other"], "Labels": None, "Ports": [
        {"PrivatePort": 53, "PublicPort": 443, "Type": "udp"},
        {"PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}]},
]  # fmt: skip


def test_a_port_is_held_by_a_lab_a_container_or_a_program() -> None:
    assert holders.holder(80, CONTAINERS, ()) == "lab demo"
    assert holders.holder(8080, CONTAINERS, ()) == "container other"
    assert holders.holder(443, CONTAINERS, ()) == ""
    hidden = holders.Listener("0.0.0.0", 443, "none")
    assert holders.holder(443, CONTAINERS, (hidden,)) == "a program of another user"


def test_a_real_listener_is_found_with_its_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert holders.holder(port, ()).endswith(f"(process {os.getpid()})")
    assert holders.holder(port, ()) == ""


def test_the_bounding_set_is_read_from_proc() -> None:
    assert bounding_set("Name:\tx\nCapBnd:\t0000000000000021\n") == {"CHOWN", "KILL"}
    assert bounding_set("CapBnd:\t000001ffffffffff\n") >= CAPABILITIES
    assert bounding_set("") == frozenset()


ROUTES = """\
Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
br-0123456789ab	004D12C6	00000000	0001	0	0	0	00FFFFFF	0	0	0
br-other	004E12C6	00000000	0001	0	0	0	00FFFFFF	0	0	0
"""


def test_a_labs_own_networks_are_no_conflict() -> None:
    own = {"Id": "0123456789abcdef", "Name": "demo", "Labels": {"hosting-labctl.lab": "demo"}}
    other = {
        "Id": "f" * 64,
        "Name": "theirs",
        "Labels": {},
        "Options": {"com.docker.network.bridge.name": "br-other"},
    }
    assert list(routes_of_others(ROUTES, [own, other])) == [
        Route("0.0.0.0/0", "interface eth0"),
        Route("198.18.78.0/24", "the engine's network theirs"),
    ]


def test_doors_on_a_disk_are_told_of() -> None:
    mounts = "/dev/sda1 / ext4 rw 0 0\ntmpfs /dev/shm tmpfs rw 0 0\n"
    assert in_memory(Path("/dev/shm/x/doors"), mounts)
    assert not in_memory(Path("/srv/doors"), mounts)
    (finding,) = ill(replace(WELL, doors_on_disk="/srv/doors"))
    assert (finding.name, finding.state) == ("doors", "warn")
