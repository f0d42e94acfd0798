"""The Compose file: least privilege, explicit addresses, nothing that a value could change."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from labctl.model import Lab, Machine, Network, Publishing
from labctl.render import compose
from tests.support import STATE, image, lab_at

STACKS = Path(__file__).parents[2] / "stacks"
CAPABILITIES = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID", "SYS_CHROOT",
}  # fmt: skip


def document(lab: Lab) -> dict[str, Any]:
    found = yaml.safe_load(compose.render(lab, image, STATE))
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module", params=["hello", "lab1", "web-dynamic"])
def lab(request: pytest.FixtureRequest) -> Lab:
    return lab_at(STACKS / request.param / "lab.yml")


def test_every_machine_has_the_least_that_it_needs(lab: Lab) -> None:
    for name, service in document(lab)["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert set(service["cap_add"]) <= CAPABILITIES, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        forbidden = {"privileged", "network_mode", "pid", "ipc", "devices", "userns_mode"}
        assert not forbidden & set(service), name


def test_every_machine_has_limits(lab: Lab) -> None:
    for name, service in document(lab)["services"].items():
        assert 16 * 2**20 <= service["mem_limit"] <= 2**30, name
        assert service["memswap_limit"] == service["mem_limit"], name
        assert 0 < service["cpus"] <= 4, name
        assert 8 <= service["pids_limit"] <= 1000, name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name


def test_nothing_of_the_host_is_mounted_but_the_machines_own_folder(lab: Lab) -> None:
    for name, service in document(lab)["services"].items():
        binds = [v for v in service["volumes"] if v["type"] == "bind"]
        assert binds == [
            {
                "type": "bind",
                "source": f"{STATE}/machines/{name}",
                "target": "/labctl",
                "read_only": True,
            }
        ]
    assert "docker.sock" not in compose.render(lab, image, STATE).decode()


def test_ports_are_published_on_loopback_only_unless_public(lab: Lab) -> None:
    services = document(lab)["services"]
    ports = [port for service in services.values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith(("127.0.0.1:", "[::1]:")) for port in ports)
    assert {name for name, service in services.items() if "ports" in service} == {"front"}
    public = document(replace(lab, publishing=Publishing(public=True)))["services"]["front"]
    assert "80:80/tcp" in public["ports"]


def test_every_machine_has_its_address_in_the_labs_own_network(lab: Lab) -> None:
    found = document(lab)
    (network,) = found["networks"].values()
    assert network["driver_opts"]["com.docker.network.bridge.enable_ip_masquerade"] == "false"
    assert network["ipam"]["config"][0]["subnet"] == "198.18.0.0/24"
    addresses = [
        service["networks"]["internet"]["ipv4_address"] for service in found["services"].values()
    ]
    assert len(set(addresses)) == len(addresses) == len(lab.machines)


def test_labels_and_volumes_belong_to_the_lab(lab: Lab) -> None:
    found = document(lab)
    assert found["name"] == f"labctl-{lab.name}"
    for what in (*found["networks"].values(), *found["volumes"].values()):
        assert what["labels"] == {"hosting-labctl.lab": lab.name}
    used = {
        volume["source"]
        for service in found["services"].values()
        for volume in service["volumes"]
        if volume["type"] == "volume"
    }
    assert used == set(found["volumes"])


def test_the_same_lab_is_the_same_bytes(lab: Lab) -> None:
    first, again = (compose.render(lab, image, STATE) for _ in range(2))
    assert first == again


HOSTILE = "a\"'${HOME}: {{x}} #\n- &b *c !!d %e\u2028é"


def test_no_value_is_read_as_anything_but_text() -> None:
    machine = Machine(
        name="web",
        services=(),
        packages=frozenset(),
        capabilities=frozenset(),
        addresses={"internet": "198.18.0.9"},
        host_name=HOSTILE,
    )
    lab = Lab("x", "", "x.test", {}, (), {"web": machine}, (Network("internet", "198.18.0.0/24"),))
    found = document(lab)["services"]["web"]
    # Compose reads $$ as a plain $
    assert found["hostname"].replace("$$", "$") == HOSTILE
    assert not re.search(r"(?<!\$)\$(?!\$)", compose.render(lab, image, STATE).decode())
