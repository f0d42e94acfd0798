"""A service of a Compose file as the Engine API takes it. (That Compose makes the same is an e2e
test's business.)"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from labctl.engines import definition
from labctl.model import Lab
from labctl.render.compose import render
from tests.support import STATE, image, lab_from


def document(lab: Lab) -> Any:
    read = yaml.safe_load(render(lab, image, f"{STATE}/{lab.name}"))
    return definition.uninterpolated(read)


@pytest.fixture
def lab() -> Lab:
    return lab_from("lab: one\nservices: {front: front}\n")


def test_what_a_machine_is(lab: Lab) -> None:
    body = definition.wanted(document(lab), "one", "client")
    machine = lab.machines["client"]
    assert body["Image"] == image(machine)
    assert body["Labels"]["hosting-labctl.machine"] == "client"
    assert body["Labels"]["com.docker.compose.project"] == "labctl-one"
    host = body["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] == host["MemorySwap"] == machine.limits.memory
    assert host["PidsLimit"] == machine.limits.processes
    (network,) = body["NetworkingConfig"]["EndpointsConfig"].values()
    assert network["IPAMConfig"]["IPv4Address"] == machine.address
    assert host["Mounts"][0]["ReadOnly"] is True


def test_a_visitor_is_a_neighbour_of_sites_with_addresses_of_their_own(lab: Lab) -> None:
    near = replace(lab.machines["client"], further={"": "169.254.16.7"})
    body = definition.wanted(
        document(replace(lab, machines={**lab.machines, "client": near})), "one", "client"
    )
    (network,) = body["NetworkingConfig"]["EndpointsConfig"].values()
    assert network["IPAMConfig"]["LinkLocalIPs"] == ["169.254.16.7"]


@pytest.mark.parametrize("key", ["privileged", "devices", "network_mode", "ports"])
def test_what_is_not_understood_is_refused(lab: Lab, key: str) -> None:
    said = document(lab)
    said["services"]["client"][key] = True
    with pytest.raises(ValueError, match=key):
        definition.wanted(said, "one", "client")


def test_a_dollar_is_one(lab: Lab) -> None:
    machines = {**lab.machines, "client": replace(lab.machines["client"], host_name="a$b")}
    body = definition.wanted(document(replace(lab, machines=machines)), "one", "client")
    assert body["Hostname"] == "a$b"
