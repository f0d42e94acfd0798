"""Placing: machines, addresses, ports."""

from __future__ import annotations

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import LabctlError
from labctl.model import Port, Publishing
from labctl.platforms import machines, vps
from tests.support import SUBNET, expanded_from, lab_from

NAMES = ("front", "dns", "resolver", "client", "www", "app", "mail")
LAB = """
lab: x
services:
  www: static
  docs: {kind: static, content: www, machine: www}
  mail: {kind: mail, users: alice, memory: 300M, cpus: 0.5}
sites: {www: www}
expose:
  - {service: mail, port: 25, host: 2525}
  - {service: dns, port: 53, host: 5353}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "index.html").write_text("<!doctype html>")
    return tmp_path


def test_a_new_machine_moves_no_other() -> None:
    before = machines.assign(NAMES, SUBNET)
    after = machines.assign((*NAMES, "shop"), SUBNET)
    assert {name: after[name] for name in NAMES} == before


@given(st.lists(st.text("abcdefgh", min_size=1), unique=True, max_size=60))
def test_every_machine_has_an_address_of_its_own(names: list[str]) -> None:
    found = machines.assign(names, SUBNET)
    addresses = [ipaddress.IPv4Address(address) for address in found.values()]
    assert len(set(addresses)) == len(names)
    hosts = list(ipaddress.IPv4Network(SUBNET).hosts())
    assert all(address in hosts[3:-3] for address in addresses)


def test_a_full_subnet_is_said() -> None:
    names = [f"m{n}" for n in range(8)]
    assert len(set(machines.assign(names, "10.0.0.0/28").values())) == 8
    with pytest.raises(LabctlError, match="has room for 8 machines") as caught:
        machines.assign([*names, "m8"], "10.0.0.0/28")
    assert caught.value.status == 2
    assert "subnet:" in caught.value.hint


def test_a_site_with_an_address_of_its_own_has_neighbours_who_visit_it(folder: Path) -> None:
    own = LAB.replace("{www: www}", "{www: {service: www, own-address: true}}")
    lab, before = lab_from(own, folder), lab_from(LAB, folder)
    further = {name: one.further for name, one in lab.machines.items() if one.further}
    assert {name: set(sites) for name, sites in further.items()} == {
        "front": {"www"},
        "client": {""},
        "resolver": {""},
    }
    found = [address for sites in further.values() for address in sites.values()]
    assert len(set(found)) == len(found)
    assert all(ipaddress.IPv4Address(address).is_link_local for address in found)
    assert lab.own_address_of(lab.sites[0]) == further["front"]["www"]
    assert [one.addresses for one in lab.machines.values()] == [
        one.addresses for one in before.machines.values()
    ]
    assert not any(one.further for one in before.machines.values())


def test_services_of_one_machine_share_it(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    assert lab.machines["www"].services == ("www", "docs")
    assert lab.address_of("docs") == lab.address_of("www")
    assert [daemon.name for daemon in lab.machines["www"].daemons] == ["nginx", "sshd"]


def test_what_the_lab_says_of_a_machine_holds(folder: Path) -> None:
    limits = lab_from(LAB, folder).machines["mail"].limits
    assert (limits.memory, limits.cpus) == (300 * 2**20, 0.5)


def test_ports_of_the_front_and_what_is_exposed(folder: Path) -> None:
    lab = vps.place(expanded_from(LAB, folder), {"internet": SUBNET}, Publishing(8080, 8443))
    assert lab.machines["front"].ports == (Port(8080, 80), Port(8443, 443), Port(8443, 443, "udp"))
    assert lab.machines["mail"].ports == (Port(2525, 25),)
    assert lab.machines["dns"].ports == (Port(5353, 53), Port(5353, 53, "udp"))
    assert lab.machines["www"].ports == ()
