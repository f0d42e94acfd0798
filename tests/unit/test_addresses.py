"""Subnets: chosen where nobody is, recorded, given back."""

from __future__ import annotations

import ipaddress
from itertools import pairwise
from pathlib import Path

import pytest

from labctl.errors import LabctlError
from labctl.host import addresses

ROUTES = """\
Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 0100000A 0003 0 0 0 00000000 0 0 0
eth0 0000000A 00000000 0001 0 0 0 00FFFFFF 0 0 0
br-x 0007120A 00000000 0001 0 0 0 00FFFFFF 0 0 0
"""


def subnet_for(lab: str, wanted: str, data: Path, up: bool, write: bool = True) -> str:
    """The subnet of a lab with one segment."""
    said = {"internet": wanted} if wanted else {}
    found = addresses.subnets_for(lab, {"internet": "public"}, said, data, up, write)
    return found["internet"]


def network(text: str) -> ipaddress.IPv4Network:
    return ipaddress.IPv4Network(text)


def test_the_first_free_subnet_is_chosen() -> None:
    assert addresses.choose([]) == "198.18.0.0/24"
    assert addresses.choose([network("198.18.0.0/23")]) == "198.18.2.0/24"
    assert addresses.choose([network("198.18.0.64/26")]) == "198.18.1.0/24"


def test_that_all_are_taken_is_said() -> None:
    with pytest.raises(LabctlError, match=r"every /24 of 198\.18\.0\.0/15 is taken"):
        addresses.choose([network("198.18.0.0/15")])


def test_the_hosts_routes_are_read() -> None:
    found = addresses.host_routes(ROUTES)
    assert found[0] == ("eth0", network("0.0.0.0/0"))
    assert found[2] == ("br-x", network("10.18.7.0/24"))


@pytest.mark.parametrize(
    ("subnet", "said"),
    [("10.18.7.128/25", "10.18.7.0/24 on br-x"), ("10.18.0.0/16", "10.18.7.0/24 on br-x"),
     ("10.18.8.0/24", ""), ("198.18.0.0/24", "")],
)  # fmt: skip
def test_a_route_that_overlaps_is_named_and_the_default_route_is_not(
    subnet: str, said: str
) -> None:
    assert addresses.conflict(subnet, ROUTES) == said


@pytest.fixture
def _no_routes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "host_routes", lambda *_: [])


@pytest.mark.usefixtures("_no_routes")
def test_a_lab_keeps_its_subnet_until_it_is_forgotten(tmp_path: Path) -> None:
    first = subnet_for("one", "", tmp_path, up=False)
    second = subnet_for("two", "", tmp_path, up=False)
    assert (first, second) == ("198.18.0.0/24", "198.18.1.0/24")
    assert subnet_for("one", "", tmp_path, up=False) == first
    addresses.forget("one", tmp_path)
    assert subnet_for("three", "", tmp_path, up=False) == first


@pytest.mark.usefixtures("_no_routes")
def test_what_the_lab_file_says_is_recorded(tmp_path: Path) -> None:
    assert subnet_for("one", "198.18.0.0/23", tmp_path, up=False) == "198.18.0.0/23"
    assert subnet_for("two", "", tmp_path, up=False) == "198.18.2.0/24"


@pytest.mark.usefixtures("_no_routes")
def test_looking_writes_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert subnet_for("one", "", data, up=False, write=False) == "198.18.0.0/24"
    assert not data.exists()
    addresses.forget("one", data)


def test_a_subnet_that_others_took_is_given_up_unless_the_lab_is_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(addresses, "host_routes", lambda *_: [])
    first = subnet_for("one", "", tmp_path, up=False)
    taken = [("eth9", network(first))]
    monkeypatch.setattr(addresses, "host_routes", lambda *_: taken)
    assert subnet_for("one", "", tmp_path, up=True) == first
    assert subnet_for("one", "", tmp_path, up=False) == "198.18.1.0/24"


@pytest.mark.usefixtures("_no_routes")
def test_a_damaged_record_is_said(tmp_path: Path) -> None:
    (tmp_path / "subnets.json").write_text("{")
    with pytest.raises(LabctlError, match="is damaged"):
        subnet_for("one", "", tmp_path, up=False)


@pytest.mark.usefixtures("_no_routes")
def test_private_segments_have_private_subnets_and_go_with_their_lab(tmp_path: Path) -> None:
    segments = {"internet": "public", "dmz": "private", "lan": "private"}
    found = addresses.subnets_for("one", segments, {"lan": "192.168.7.0/24"}, tmp_path, up=False)
    assert found == {"internet": "198.18.0.0/24", "dmz": "10.128.0.0/24", "lan": "192.168.7.0/24"}
    other = addresses.subnets_for("two", segments, {}, tmp_path, up=False)
    assert other == {"internet": "198.18.1.0/24", "dmz": "10.128.1.0/24", "lan": "10.128.2.0/24"}
    addresses.forget("one", tmp_path)
    assert subnet_for("three", "", tmp_path, up=False) == "198.18.0.0/24"


def test_a_subnet_that_only_the_engine_knows_of_is_not_taken(tmp_path: Path) -> None:
    """A segment where the host has no address is in none of its routes."""

    def chosen(up: bool, *others: str) -> str:
        segments = {"lan": "private"}
        found = addresses.subnets_for("x", segments, {}, tmp_path, up, others=lambda: others)
        return found["lan"]

    assert chosen(False, "10.128.0.0/23") == "10.128.2.0/24"
    assert chosen(True, "10.128.2.0/24") == "10.128.2.0/24"
    assert chosen(False, "10.128.0.0/16") == "10.129.0.0/24"


@pytest.mark.parametrize("pool", addresses.SMALL_POOLS)
def test_there_is_room_for_a_thousand_sandboxes_beside_labs(pool: str) -> None:
    """Each gets a subnet of its own, none of them twice, and none of a lab's."""
    taken = [network(addresses.choose([], pool))]
    for _ in range(1000):
        taken.append(network(addresses.choose(taken, pool, small=True)))
    taken.sort()
    assert not [a for a, b in pairwise(taken) if a.overlaps(b)]


def test_a_sandbox_keeps_its_subnet(tmp_path: Path) -> None:
    def of(name: str) -> dict[str, str]:
        segments = {"internet": "public", "lan": "private"}
        return addresses.subnets_for(name, segments, {}, tmp_path, up=False, small=True)

    first, second = of("class-s01"), of("class-s02")
    assert first == {"internet": "198.19.0.0/26", "lan": "10.224.0.0/26"}
    assert second == {"internet": "198.19.0.64/26", "lan": "10.224.0.64/26"}
    assert of("class-s01") == first


def test_that_there_is_no_room_for_another_sandbox_is_said() -> None:
    with pytest.raises(LabctlError, match=r"every /26 of 198\.19\.0\.0/16 is taken"):
        addresses.choose([addresses.SMALL_POOLS["public"]], small=True)
