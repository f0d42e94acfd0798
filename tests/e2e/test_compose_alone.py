"""Who stops using labctl keeps the lab: the rendered stack works with Compose alone."""

from __future__ import annotations

import pytest
from testcontainers.compose import DockerCompose

from tests.e2e.conftest import Labs
from tests.e2e.support.curl import curl
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e


def test_the_stack_goes_down_and_up_with_compose_alone(own: Labs) -> None:
    lab = own("hello")
    lab.must("up")
    ca = lab.authority()
    stack = DockerCompose(lab.home.state / lab.name, "compose.yaml", wait=False)
    stack.stop()
    assert lab.containers() == []
    stack.start()
    eventually(lambda: curl(lab.url("app"), ca=ca).status == 200)
    assert {c.Service for c in stack.get_containers()} == {
        "www", "app", "client", "dns", "front", "resolver",
    }  # fmt: skip
    # and labctl takes it up again where Compose left it
    eventually(lambda: lab.labctl("status").status == 0)
    assert lab.plan().status == 0
    lab.must("check")
