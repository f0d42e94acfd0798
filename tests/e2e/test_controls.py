"""Controls: each broken service makes status and check fail, and both name it."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

# machine, daemon, and the services whose checks may fail with it, its own first
BROKEN = (
    ("www", "nginx", ("www",)),
    ("forms", "fcgiwrap-forms", ("forms",)),
    ("app", "gunicorn-app", ("app",)),
    ("chat", "websocket-chat", ("chat",)),
    ("mail", "postfix", ("mail",)),
    ("mail", "dovecot", ("mail",)),
    ("mail", "opendkim", ("mail",)),
    ("dns", "named", ("dns",)),
    ("resolver", "unbound", ("resolver",)),
    ("front", "nginx", ("front", "www", "forms", "app", "chat")),
)


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    made = own("lab1")
    made.must("up")
    return made


@pytest.mark.parametrize(
    ("machine", "daemon", "services"), BROKEN, ids=[f"{m}-{d}" for m, d, _ in BROKEN]
)
def test_a_stopped_daemon_is_named(
    lab: OwnLab, machine: str, daemon: str, services: tuple[str, ...]
) -> None:
    service = f"/run/service/{daemon}"
    lab.output(machine, "s6-svc", "-wD", "-T", "10000", "-d", service)
    # without names everything fails slowly: there, only the service itself is asked
    only = ("--service", services[0]) if services[0] in ("dns", "resolver") else ()
    try:
        status = lab.labctl("status", "--json")
        check = lab.labctl("check", *only)
    finally:
        lab.output(machine, "s6-svc", "-u", service)
    states = {m["name"]: m for m in status.json["machines"]}
    assert (status.status, status.json["ready"]) == (1, False)
    assert (states[machine]["state"], daemon in states[machine]["trouble"]) == ("not ready", True)
    assert {name for name, m in states.items() if m["state"] != "ready"} == {machine}
    assert check.status == 1
    failed = set(check.out.rpartition("not in order: ")[2].strip().split(", "))
    assert services[0] in failed
    assert failed <= set(services), check.out
    eventually(lambda: lab.labctl("status").status == 0)
    eventually(lambda: lab.labctl("check", "--service", services[0]).status == 0)


def test_a_stopped_machine_is_named(lab: OwnLab) -> None:
    lab.client.containers.get(lab.container("app")).stop(timeout=5)
    status = lab.labctl("status")
    assert status.status == 1
    assert "stopped" in status.out
    check = lab.labctl("check", "--json")
    assert check.status == 1
    failed = [(c["service"], c["check"], c["differences"]) for c in check.json if not c["passed"]]
    # the provider's checks look at every server, also at one that does not run
    assert {service for service, _, _ in failed} == {"app", "vps"}, failed
    assert all("app: " in said for service, _, (said, *_) in failed if service == "vps"), failed
    lab.must("up")
    lab.must("check")


def test_without_its_client_nothing_can_be_checked_and_check_says_so(lab: OwnLab) -> None:
    lab.client.containers.get(lab.container("client")).stop(timeout=5)
    check = lab.labctl("check")
    assert check.status == 1
    assert "the machine 'client' does not run" in check.said
    lab.must("up")


def test_a_page_that_says_something_else_is_noticed(lab: OwnLab) -> None:
    lab.output("forms", "sh", "-c", "echo '#!/bin/sh' >/usr/lib/cgi-bin/forms/form.sh")
    check = lab.labctl("check", "--json")
    failed = [c["check"] for c in check.json if not c["passed"]]
    assert failed
    assert all("form.sh" in name for name in failed), failed
    lab.must("up", "--reset", "forms:/usr/lib/cgi-bin/forms/form.sh")
    lab.must("check", "--service", "forms")
