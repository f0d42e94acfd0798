"""Killed at any moment, the next command completes; what dies in a machine comes back."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable

import pytest

from tests.e2e.conftest import Labs
from tests.e2e.support.curl import curl
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

MACHINES = 6  # of hello


def kill(process: subprocess.Popen[bytes], with_children: bool) -> None:
    """SIGKILL, to labctl alone or to all that it has started."""
    try:
        (os.killpg if with_children else os.kill)(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it was faster
    process.wait()


def when(process: subprocess.Popen[bytes], moment: Callable[[], bool]) -> None:
    """Wait for a moment in a command's life, or for its end."""
    eventually(lambda: moment() or process.poll() is not None)


def states(lab: OwnLab) -> list[str]:
    found = lab.client.api.containers(all=True, filters={"label": f"hosting-labctl.lab={lab.name}"})
    return [container["State"] for container in found]


UP_MOMENTS: dict[str, Callable[[OwnLab], bool]] = {
    "keys made": lambda lab: (lab.home.data / lab.name / "authority.json").exists(),
    "state begun": lambda lab: (lab.home.state / lab.name / "machines").exists(),
    "stack written": lambda lab: (lab.home.state / lab.name / "compose.yaml").exists(),
    "network made": lambda lab: bool(lab.left().get("networks")),
    "first container": lambda lab: len(states(lab)) >= 1,
    "all created": lambda lab: len(states(lab)) == MACHINES,
    "first running": lambda lab: "running" in states(lab),
    "all running": lambda lab: states(lab) == ["running"] * MACHINES,
}


@pytest.mark.parametrize("moment", UP_MOMENTS)
def test_up_is_killed_and_up_completes(fresh: Labs, moment: str) -> None:
    lab = fresh("hello")
    process = lab.home.begin("up", *lab.target)
    when(process, lambda: UP_MOMENTS[moment](lab))
    kill(process, with_children=moment != "first container")
    lab.must("up")
    lab.must("status")
    assert curl(lab.url("www"), ca=lab.authority()).status == 200


@pytest.mark.parametrize(
    "moment", ["keys made", "network made", "first container", "first running"]
)
def test_up_is_killed_and_down_completes(fresh: Labs, moment: str) -> None:
    lab = fresh("hello")
    process = lab.home.begin("up", *lab.target)
    when(process, lambda: UP_MOMENTS[moment](lab))
    kill(process, with_children=True)
    lab.must("down")
    assert lab.left() == {}
    assert not (lab.home.state / lab.name).exists()


DOWN_MOMENTS: dict[str, Callable[[OwnLab], bool]] = {
    "first stopped": lambda lab: states(lab).count("running") < MACHINES,
    "first removed": lambda lab: len(states(lab)) < MACHINES,
    "all removed": lambda lab: not states(lab),
    "network removed": lambda lab: not lab.left().get("networks"),
}


@pytest.mark.parametrize("then", ["down", "up"])
@pytest.mark.parametrize("moment", DOWN_MOMENTS)
def test_down_is_killed_and_the_next_command_completes(fresh: Labs, moment: str, then: str) -> None:
    lab = fresh("hello")
    lab.must("up")
    process = lab.home.begin("down", lab.name)
    when(process, lambda: DOWN_MOMENTS[moment](lab))
    kill(process, with_children=True)
    lab.must(then)
    if then == "down":
        assert lab.left() == {}
        assert not (lab.home.state / lab.name).exists()
    else:
        lab.must("status")


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    made = own("lab1")
    made.must("up")
    return made


DAEMONS = (
    ("front", "nginx"),
    ("www", "nginx"),
    ("forms", "fcgiwrap-forms"),
    ("app", "gunicorn-app"),
    ("chat", "websocket-chat"),
    ("mail", "postfix"),
    ("mail", "dovecot"),
    ("mail", "opendkim"),
    ("dns", "named"),
    ("resolver", "unbound"),
)


@pytest.mark.parametrize(("machine", "daemon"), DAEMONS, ids=[f"{m}-{d}" for m, d in DAEMONS])
def test_a_killed_daemon_comes_back(lab: OwnLab, machine: str, daemon: str) -> None:
    pid = lab.pid(machine, daemon)
    lab.output(machine, "sh", "-c", 'kill -KILL "$1"', "sh", pid)
    eventually(lambda: lab.pid(machine, daemon) not in (pid, "-1"))
    eventually(lambda: lab.labctl("status").status == 0)


def test_a_killed_container_is_started_again_by_up(lab: OwnLab) -> None:
    lab.client.containers.get(lab.container("www")).kill()
    assert lab.labctl("status").status == 1
    planned = lab.plan("--json").json["changes"]
    assert [(c["machine"], c["action"]) for c in planned] == [("www", "start")]
    lab.must("up")
    lab.must("status")


def test_a_removed_container_is_made_again_by_up(lab: OwnLab) -> None:
    lab.client.containers.get(lab.container("app")).remove(force=True)
    planned = lab.plan("--json").json["changes"]
    assert [(c["machine"], c["action"]) for c in planned] == [("app", "create")]
    lab.must("up")
    lab.must("status")


def test_a_change_that_was_interrupted_is_undone_when_the_machine_starts(lab: OwnLab) -> None:
    """The compiler takes its time: while it looks at the new source, the machine dies."""
    ca = lab.authority()
    program = "/cgi-bin/form.py?name=x"
    lab.replace("forms/cgi-bin/form.py", "Answered by the Python", "Answered by the new Python")
    lab.replace("forms/cgi-bin/form.cpp", "int main(", "#include <regex>\nint main(")
    process = lab.home.begin("up", *lab.target)
    undo = "/var/lib/labctl/undo.list"
    when(process, lambda: lab.exec("forms", "test", "-s", undo).status == 0)
    lab.client.containers.get(lab.container("forms")).kill()
    assert process.wait() == 1
    lab.client.containers.get(lab.container("forms")).start()
    eventually(lambda: curl(lab.url("forms", program), ca=ca).status == 200)
    assert "Answered by the Python" in curl(lab.url("forms", program), ca=ca).body
    assert lab.exec("forms", "test", "-e", undo).status == 1
    lab.must("up")
    assert "Answered by the new Python" in curl(lab.url("forms", program), ca=ca).body
    assert lab.plan().status == 0


def test_up_is_killed_in_the_midst_of_a_change_and_up_completes(lab: OwnLab) -> None:
    ca = lab.authority()
    lab.replace("www/index.html", "<h1>", "<h1>Once more: ")
    process = lab.home.begin("up", *lab.target)
    next_tree = lab.home.state / lab.name / "machines" / "www" / "next.tar"
    when(process, next_tree.exists)
    kill(process, with_children=True)
    lab.must("up")
    assert "<h1>Once more: " in curl(lab.url("www"), ca=ca).body
    assert lab.plan().status == 0
