"""Replicas: a site's service on several servers, of which any one may be missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.curl import curl
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.load import Load

pytestmark = pytest.mark.e2e
REPLICAS = ("app", "app-2", "app-3")


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    made = own("lab1")
    made.replace(
        "lab.yml", "  app:\n    service: app\n", "  app:\n    service: app\n    replicas: 3\n"
    )
    made.must("up")
    return made


@pytest.fixture(scope="module")
def root(lab: OwnLab) -> Path:
    return lab.authority()


@pytest.fixture(autouse=True)
def settled(lab: OwnLab) -> None:
    lab.must("up")


def served(lab: OwnLab) -> set[str]:
    """The replicas that the front has handed requests to, by their own logs."""
    return {name for name in REPLICAS if "GET / HTTP" in lab.labctl("logs", name).out}


def test_requests_go_to_all_replicas_and_the_checks_hold(lab: OwnLab, root: Path) -> None:
    with Load(lab, root, "app") as load:
        pass
    assert not load.failures
    assert served(lab) == set(REPLICAS)
    assert lab.labctl("check").status == 0


def test_what_one_replica_has_been_told_the_others_know(lab: OwnLab) -> None:
    for name in REPLICAS:
        lab.output(name, "s6-setuidgid", "www-data", "touch", f"/var/opt/app/told-by-{name}")
    told = {lab.output(name, "sh", "-c", "ls /var/opt/app | grep told-by") for name in REPLICAS}
    assert len(told) == 1
    assert told.pop().split() == [f"told-by-{name}" for name in REPLICAS]


def test_a_replica_killed_under_load_loses_no_request(lab: OwnLab, root: Path) -> None:
    with Load(lab, root, "app") as load:
        lab.client.containers.get(lab.container("app-2")).kill()
        load.some_more()
        load.some_more()
    assert not load.failures


def test_with_all_replicas_but_one_killed_it_still_answers_and_with_none_it_does_not(
    lab: OwnLab, root: Path
) -> None:
    for name in REPLICAS[1:]:
        lab.client.containers.get(lab.container(name)).kill()
    with Load(lab, root, "app") as load:
        load.some_more()
    assert not load.failures
    lab.client.containers.get(lab.container("app")).kill()
    assert curl(lab.url("app"), ca=root).status in (502, 504)


def test_a_new_version_replaces_one_replica_after_the_other(lab: OwnLab, root: Path) -> None:
    with Load(lab, root, "app") as load:
        lab.replace("lab.yml", "Student X", "Student Z")
        ran = lab.must("up")
        load.some_more()
    assert not load.failures
    told = [line.split()[1:] for line in ran.err.splitlines() if line.split()[1:]]
    order = [told.index([f"{name}:", "changing"]) for name in REPLICAS]
    ready = [told.index([f"{name}:", "ready"]) for name in REPLICAS]
    assert order == sorted(order)
    assert ready[0] < order[1] < ready[1] < order[2]


def test_fewer_replicas_and_more_while_visitors_are_served(lab: OwnLab, root: Path) -> None:
    with Load(lab, root, "app") as load:
        lab.replace("lab.yml", "replicas: 3", "replicas: 2")
        lab.must("up")
        load.some_more()
        assert lab.container("app-3") not in {c.name for c in lab.containers()}
        lab.replace("lab.yml", "replicas: 2", "replicas: 3")
        lab.must("up")
        load.some_more()
    assert not load.failures
