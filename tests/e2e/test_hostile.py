"""A hostile student among five: nobody else's request fails, and their own machine survives."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.neighbours import HARM, asked, measured
from labctl.engines import api
from tests.e2e.support.classroom import Classroom
from tests.e2e.support.home import Home, run
from tests.e2e.support.intruder import attack, twin
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e
LAB = """\
lab: course
services:
  www: {kind: static, content: www}
  app: {kind: wsgi, content: app, app: "app:app"}
sites:
  www: {service: www, tls: none}
  app: {service: app, tls: none}
"""
APP = """\
def app(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""
STUDENTS = tuple(f"s{number:02}" for number in range(1, 6))
HOSTILE = "s03"
QUOTA = 256 * 2**20  # bytes: of disk, and of memory
# Where root can make a file, and how large the file system there is.
WRITABLE = """
import json, os
found = {}
for line in open("/proc/mounts"):
    place = line.split()[1]
    try:
        if os.path.isdir(place):
            os.close(os.open(f"{place}/probe", os.O_CREAT | os.O_WRONLY))
            os.unlink(f"{place}/probe")
        else:
            os.close(os.open(place, os.O_WRONLY))
        found[place] = os.statvfs(place).f_blocks * os.statvfs(place).f_frsize
    except OSError:
        pass
print(json.dumps(found))
"""
# What stays in a door when its machine ends: much, many, deep, and links to elsewhere.
LITTER = """
import os
os.chdir("/run/door")
open("big", "wb").write(bytes(1_000_000))
for number in range(1000):
    open(f".{number}", "w").close()
os.symlink("/etc", "link")
os.mkfifo("pipe")
for _ in range(3000):
    os.mkdir("deep")
    os.chdir("deep")
"""
OBSERVE, MANIFEST = "/usr/lib/labctl/observe", "/var/lib/labctl/manifest"
SECONDS = 8.0


@pytest.fixture(scope="module")
def room(home: Home) -> Iterator[Classroom]:
    """Five sandboxes, up."""
    files = {"lab.yml": LAB, "www/index.html": "<!doctype html>" + "x" * 4000, "app/app.py": APP}
    room = Classroom(home, files, STUDENTS)
    try:
        for student in STUDENTS:
            room.must("up", student)
        yield room
    finally:
        room.remove()


def door(room: Classroom, student: str) -> Path:
    """The socket of a student's front."""
    return room.home.doors / "doors" / room.lab(student) / "http.sock"


def site(room: Classroom, student: str) -> str:
    """The name of a student's site."""
    return f"www.{student}.{room.domain}"


def others(room: Classroom) -> dict[str, Path]:
    """The sites of all but the hostile one, each with its door."""
    return {site(room, one): door(room, one) for one in STUDENTS if one != HOSTILE}


def born(room: Classroom, student: str) -> tuple[str, int]:
    """When a student's machine has started, and how often the engine had to start it again."""
    found = json.loads(run(["docker", "inspect", room.container(student)]).out)[0]
    return found["State"]["StartedAt"], found["RestartCount"]


def answers(room: Classroom, student: str) -> bool:
    """Whether a student's site is there."""
    try:
        return asked(site(room, student), door(room, student)).startswith("HTTP/1.1 200 ")
    except OSError:
        return False


@pytest.mark.parametrize("harm", ["", *HARM])
def test_harm_costs_the_others_no_request_and_leaves_the_machine(
    room: Classroom, harm: str
) -> None:
    before = born(room, HOSTILE)
    got = measured(others(room), room.container(HOSTILE), harm, SECONDS, room.lab("s01"))
    assert len(got.seconds) > 100
    assert got.failures == []
    print(harm or "quiet", *(f"{got.milliseconds(share):.2f} ms" for share in (0.5, 0.99)))
    assert eventually(lambda: answers(room, HOSTILE))
    assert born(room, HOSTILE) == before


def test_nothing_of_the_hosts_disk_can_be_written(room: Classroom) -> None:
    found = json.loads(attack(room.container("s01"), WRITABLE))
    disks = {place: found.pop(place) for place in ("/etc", "/var")}
    assert sum(disks.values()) <= QUOTA
    kernels = {place for place in found if place.startswith("/proc/")}
    door = found.pop("/run/door", 0)  # of the host's memory, and charged to the machine's
    assert door >= 0
    assert set(found) - kernels == {"/dev", "/dev/mqueue", "/dev/shm", "/run", "/tmp"}
    assert sum(found[place] for place in set(found) - kernels) < QUOTA
    # the control: without a read-only root there is more
    with twin(room.container("s01"), "--cap-add=CHOWN") as other:
        assert {"/", "/etc/hosts"} < set(json.loads(attack(other, WRITABLE)))


def test_the_control_a_machine_that_is_stopped_fails_its_requests(room: Classroom) -> None:
    run(["docker", "pause", room.container("s05")])
    try:
        got = measured({site(room, "s05"): door(room, "s05")}, "", "", 1.0)
    finally:
        run(["docker", "unpause", room.container("s05")])
    assert got.failures


def test_the_log_of_a_flood_is_cut(room: Classroom) -> None:
    measured({}, room.container(HOSTILE), "log", 3.0)
    log = run(["docker", "logs", room.container(HOSTILE)]).said
    assert 2**16 < len(log) < 3 * 2**20


def test_what_is_left_in_a_door_does_not_outlast_a_restart(room: Classroom) -> None:
    place = door(room, HOSTILE).parent
    attack(room.container(HOSTILE), LITTER)
    litter = {one.name for one in place.iterdir() if not one.is_socket()}
    assert len(litter) > 500  # the control: nothing has kept them out
    run(["docker", "restart", "--time", "5", room.container(HOSTILE)])
    assert eventually(lambda: answers(room, HOSTILE))
    sockets = {"http.sock", "https.sock", "ssh-server.sock"}
    sockets.add("ssh-server.sock.lock")
    eventually(lambda: {one.name for one in place.iterdir()} == sockets)


def test_what_a_machine_says_without_end_is_its_own_trouble(room: Classroom) -> None:
    container = room.container(HOSTILE)
    began = time.monotonic()
    endless = api.exec_in(container, ["cat", "/dev/zero"])
    assert endless.status == 255
    assert "too long" in endless.output
    dripping = api.exec_in(
        container, ["sh", "-c", "while :; do echo x; sleep 0.2; done"], seconds=2
    )
    assert dripping.status == 255
    assert "no end" in dripping.output
    assert time.monotonic() - began < 60
    # the control: who says little is heard
    assert api.exec_in(container, ["echo", "x"], seconds=20) == api.Finished(0, "x\n")


def test_a_manifest_without_end_is_no_answer_that_stalls(room: Classroom) -> None:
    container = room.container(HOSTILE)
    assert len(api.exec_in(container, [OBSERVE]).output.split("\f\n")[1]) > 100
    swapped = f"mv {MANIFEST} {MANIFEST}.kept; mkfifo {MANIFEST}"
    api.exec_in(container, ["sh", "-c", swapped])
    try:
        seen = api.exec_in(container, [OBSERVE], seconds=30)
    finally:
        api.exec_in(container, ["mv", f"{MANIFEST}.kept", MANIFEST])
    assert seen.status == 0
    assert seen.output.split("\f\n")[1] == ""
