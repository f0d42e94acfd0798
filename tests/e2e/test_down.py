"""Down leaves nothing behind, keeps what it promises, and touches nobody else's things."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any

import docker
import pytest
from testcontainers.core.container import DockerContainer

from tests.e2e.conftest import Labs
from tests.e2e.support.curl import curl
from tests.e2e.support.lab import LABEL, PROJECT, OwnLab
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e


@pytest.fixture
def lab(fresh: Labs) -> OwnLab:
    made = fresh("hello")
    made.must("up")
    return made


@pytest.fixture
def neighbours(lab: OwnLab) -> Iterator[list[Any]]:
    """A container, a network and a volume of somebody else, with names and labels like ours."""
    engine = docker.from_env()
    project = f"labctl-{lab.name}"
    image = lab.inspect("www")["Config"]["Image"]
    container = (
        DockerContainer(image)
        .with_name(f"{project}-www-2")
        .with_kwargs(
            entrypoint=["sleep", "infinity"],
            labels={LABEL: f"{lab.name}x", PROJECT: f"{project}x"},
            network_mode="none",
        )
    )
    half = (
        DockerContainer(image)
        .with_name(f"{project}x-www-1")
        .with_kwargs(
            entrypoint=["sleep", "infinity"], labels={LABEL: lab.name}, network_mode="none"
        )
    )
    network = engine.networks.create(f"{project}-internet", labels={LABEL: f"{lab.name}-2"})
    volume = engine.volumes.create(f"{project}_own", labels={PROJECT: f"{project}-2"})
    try:
        with container, half:
            yield [
                container.get_wrapped_container(),
                half.get_wrapped_container(),
                network,
                volume,
            ]
    finally:
        network.remove()
        volume.remove()
        engine.close()


def test_nothing_is_left(lab: OwnLab) -> None:
    told = lab.must("down", "--json").json
    assert told["removed"]["containers"] == 6
    assert told["removed"]["networks"] == 1
    assert lab.left() == {}
    assert not (lab.home.state / lab.name).exists()
    assert "nothing was up" in lab.must("down").out


def test_neighbours_stay(lab: OwnLab, neighbours: list[Any]) -> None:
    ran = lab.labctl("down")
    for thing in neighbours:
        thing.reload()
    running = [thing.status for thing in neighbours if hasattr(thing, "status")]
    assert running == ["running", "running"]
    assert ran.status == 0, ran.said


def test_the_authority_stays_over_down_and_goes_with_purge(lab: OwnLab) -> None:
    root = lab.authority().read_text()
    said = lab.must("down").out
    assert str(lab.home.data / lab.name) in said
    lab.must("up")
    assert lab.authority().read_text() == root
    lab.must("down", "--purge")
    assert not (lab.home.data / lab.name).exists()
    assert lab.labctl("ca", "export").status != 0
    lab.must("up")
    assert lab.authority().read_text() != root


@pytest.mark.parametrize("kept", [True, False])
def test_data_stays_where_asked(fresh: Labs, kept: bool) -> None:
    lab = fresh("lab1")
    lab.must("up")
    root = lab.authority()
    register = ("--header", "Content-Type: application/json")
    body = '{"name": "Ada", "token": "kept over down"}'
    assert curl(lab.url("app", "/api/register"), *register, ca=root, body=body).status == 200
    deliver(lab, "kept over down")
    eventually(lambda: in_mailbox(lab, "kept over down"))

    lab.must("down", *(["--keep-data"] if kept else []))
    volumes = len(lab.left().get("volumes", ()))
    assert (volumes > 0) is kept
    lab.must("up")
    assert ("kept over down" in curl(lab.url("app", "/info/Ada"), ca=root).body) is kept
    assert in_mailbox(lab, "kept over down") is kept


def deliver(lab: OwnLab, subject: str) -> None:
    lab.output("client", "swaks", "--server", f"mail.{lab.domain}", "--to", f"bob@{lab.domain}",
               "--from", "visitor@outside.example", "--header", f"Subject: {subject}")  # fmt: skip


def in_mailbox(lab: OwnLab, subject: str) -> bool:
    look = ["grep", "-r", "--quiet", subject, "/var/vmail"]
    return lab.exec("mail", *look).status == 0


def test_a_strangers_container_on_the_network_is_named_and_left_alone(lab: OwnLab) -> None:
    image = lab.inspect("www")["Config"]["Image"]
    guest = DockerContainer(image).with_kwargs(
        entrypoint=["sleep", "infinity"], network=f"labctl-{lab.name}_internet"
    )
    with guest:
        ran = lab.labctl("down")
        assert ran.status == 1, ran.said
        assert f"somebody else: {guest.get_wrapped_container().name}" in ran.err
        guest.get_wrapped_container().reload()
        assert guest.get_wrapped_container().status == "running"
    lab.must("down")
    assert lab.left() == {}


def test_a_lab_of_the_same_name_from_elsewhere_is_not_taken_over(
    lab: OwnLab, tmp_path: Path
) -> None:
    from tests.e2e.support.home import Home

    elsewhere = Home(tmp_path)
    before = lab.started()
    ran = elsewhere.labctl("up", lab.folder, "--name", lab.name)
    assert ran.status == 1
    assert str(lab.home.state / lab.name) in ran.err
    assert lab.started() == before


def test_machines_leave_their_network_one_after_the_other(lab: OwnLab) -> None:
    """In the same moment, they stop an older engine for good (moby/moby#46661)."""
    since = time.time()
    lab.must("down")
    happened = [(one["Action"], one["Actor"]["ID"]) for one in _events(lab, since)]
    left = [container for action, container in happened if action == "stop"]
    assert len(left) == 6
    # nobody is told to end before the one before has gone
    turns = [container for container, _ in groupby(who for _, who in happened)]
    assert turns == left


def _events(lab: OwnLab, since: float) -> list[Any]:
    """When a lab's machines were told to end, and had gone, in that order."""
    with closing(docker.from_env()) as engine:
        wanted = {"type": "container", "label": f"{LABEL}={lab.name}", "event": ["kill", "stop"]}
        told = engine.events(since=since, until=time.time(), filters=wanted, decode=True)
        return sorted(told, key=lambda one: one["timeNano"])
