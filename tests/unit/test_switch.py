"""Leaving one platform for another, and replicas one after the other: plans on paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from labctl.errors import LabctlError
from labctl.expand import expand
from labctl.model import PlatformName
from labctl.picture.paper import placed
from labctl.plan import Change, Desired, Observation, Plan, SeenMachine, plan
from labctl.spec.lab import read
from labctl.spec.problems import InvalidLab
from labctl.work.execute import rounds
from tests.support import expanded_from, lab_from, tree_of

LAB = """\
lab: shop
services:
  www: static
  hidden: static
sites:
  www: {service: www, replicas: 3}
  staff: {service: hidden, inside: true}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("www", "hidden"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.html").write_text("x")
    return tmp_path


def names(text: str, folder: Path, platform: PlatformName) -> set[str]:
    return set(placed(expand(*read(text.encode(), "lab.yml", folder), platform)).machines)


def test_every_machine_of_the_other_platform_goes(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    seen = {name: SeenMachine(name, "1", True, "x") for name in ("server", "client")}
    found = plan(Desired(lab, tree_of(lab), {}), Observation(seen, platform="bare-metal"))
    assert found.replaces == "bare-metal"
    actions = {change.machine: change.action for change in found.changes}
    assert actions.pop("server") == "remove"
    assert actions.pop("client") == "recreate"
    assert set(actions.values()) == {"create"}


def test_on_the_same_platform_nothing_is_left(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    found = plan(Desired(lab, tree_of(lab), {}), Observation({}, platform="vps"))
    assert found.replaces == ""


def test_replicas_are_servers_of_their_own_on_vps_only(folder: Path) -> None:
    implied = {"front", "dns", "resolver", "client"}
    assert names(LAB, folder, "vps") == {"www", "www-2", "www-3", *implied}
    assert names(LAB, folder, "bare-metal") == {"server", "client", "resolver"}


def test_a_replica_shares_the_data_and_has_its_own_address(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    replicas = lab.replicas_of("www")
    assert [machine.replica for machine in replicas] == [1, 2, 3]
    assert len({machine.address for machine in replicas}) == 3
    assert len({machine.volumes for machine in replicas}) == 1


def test_replicas_that_are_there_are_changed_one_after_the_other(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    changes = tuple(Change(name, "update", "") for name in ("www", "www-2", "www-3", "front"))
    found = [{c.machine for c in part} for part in rounds(lab, Plan("shop", changes))]
    assert found == [{"www", "front"}, {"www-2"}, {"www-3"}]


def test_new_replicas_come_at_once(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    changes = tuple(Change(name, "create", "") for name in ("www", "www-2", "www-3"))
    assert [len(part) for part in rounds(lab, Plan("shop", changes))] == [3]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("  www-2: {kind: static, content: www}\n", "would be called 'www-2'"),
        ("  two: {kind: static, content: www, machine: www}\n", "'www' also runs two"),
    ],
)
def test_a_machine_that_cannot_be_copied_is_a_problem(folder: Path, more: str, said: str) -> None:
    text = LAB.replace("  hidden: static\n", f"  hidden: static\n{more}")
    with pytest.raises(InvalidLab, match=said) as caught:
        expanded_from(text, folder)
    assert "sites.www.replicas" in str(caught.value)


def test_where_nothing_is_copied_a_machine_may_have_such_a_name(folder: Path) -> None:
    more = "platforms: {bare-metal: {machines: {server-2: [dns]}}}\n"
    assert "server-2" in names(f"{LAB}{more}", folder, "bare-metal")


def test_a_lab_may_refuse_a_platform_and_says_where_it_can_go(folder: Path) -> None:
    text = f"{LAB}platforms:\n  bare-metal: needs several machines\n"
    with pytest.raises(LabctlError, match="not for bare-metal: needs several machines") as caught:
        names(text, folder, "bare-metal")
    assert caught.value.status == 2
    assert "--on vps" in caught.value.hint


def test_a_lab_names_its_default(folder: Path) -> None:
    assert set(lab_from(f"{LAB}platform: bare-metal\n", folder).machines) >= {"server"}


def test_what_is_inside_only_is_not_there_where_there_is_no_inside(folder: Path) -> None:
    lab = lab_from(LAB, folder)
    assert [site.name for site in lab.sites] == ["www"]
    assert "hidden" not in lab.services
