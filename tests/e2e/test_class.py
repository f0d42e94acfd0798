"""A class from its roster to its end: sandboxes for all, work that is never lost, a clock."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from labctl.engines import api, disks
from tests.e2e.support.curl import curl
from tests.e2e.support.edge import OwnEdge
from tests.e2e.support.home import Home, Ran, run
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

LAB = """
lab: pages
services: {www: static}
sites: {www: {service: www, tls: none}}
"""
ROSTER = "Name;ID;E-Mail\r\nAda;s01;ada@x.example\r\nJosé \u05e0;s02;\r\n=1+1;s03;\r\n"
HOUR = 3600
TICK = """
import json, sys, time
from dataclasses import asdict
from labctl.work.class_life import tick
later = float(sys.argv[1])
print(json.dumps([asdict(deed) for deed in tick(lambda *_: None, lambda: time.time() + later)]))
"""
RESTORE = """
import sys
from dataclasses import replace
from labctl.classes import registry
name, student = sys.argv[1:]
(newest,) = sorted((registry.folder(name) / "archive").glob(f"{student}-*"))[-1:]
registry.change_place(name, student, lambda one: replace(one, restore=newest.name))
"""
END = """
import sys
from dataclasses import replace
from labctl.classes import registry
registry.change_place(*sys.argv[1:], lambda one: replace(one, until=1))
"""
SEATS = """
import json, sys
from dataclasses import asdict
from labctl.classes import registry
print(json.dumps([asdict(place) for place in registry.get(sys.argv[1]).seats]))
"""


@dataclass
class Room:
    """A class of three behind an edge of its own."""

    home: Home
    edge: OwnEdge
    name: str
    folder: Path

    def labctl(self, verb: str, *words: str) -> Ran:
        """`labctl class VERB NAME words`; its exit status is the caller's to judge."""
        return self.home.labctl("class", verb, self.name, *words)

    def must(self, verb: str, *words: str) -> Any:
        """The same where it has to succeed: what it says as JSON."""
        ran = self.labctl(verb, *words, "--json")
        assert ran.status == 0, ran.said
        return ran.json

    def states(self) -> dict[str, str]:
        """What `labctl class status` says of each student's sandbox."""
        return {
            one["id"]: one["state"] for one in self.labctl("status", "--json").json["sandboxes"]
        }

    def roster(self, *students: tuple[str, str]) -> str:
        """A roster with these ids and names."""
        path = self.folder / "roster.csv"
        path.write_text("id,name\n" + "".join(f"{one},{name}\n" for one, name in students))
        return str(path)

    def exec(self, student: str, *command: str) -> Ran:
        """Run a command on a student's machine."""
        return run(["docker", "exec", f"labctl-{self.name}-{student}-server-1", *command])

    def write(self, student: str, path: str, text: str) -> None:
        """Let a student write a file."""
        program = 'mkdir -p "${1%/*}" && printf %s "$2" >"$1"'
        ran = self.exec(student, "sh", "-euc", program, "write", path, text)
        assert ran.status == 0, ran.said

    def read(self, student: str, path: str) -> str | None:
        """A file of a student's machine."""
        ran = self.exec(student, "cat", path)
        return ran.out if ran.status == 0 else None

    def page(self, student: str) -> str:
        """What a browser on this host sees of a student's site."""
        host = f"www.{student}.{self.name}.localhost"
        return curl(self.edge.url(host), *self.edge.to(host)).body

    def tick(self, later: float) -> dict[str, str]:
        """A tick of a clock that is ahead by so many seconds: what was done, by student."""
        deeds = json.loads(self.edge.python(TICK, str(later)))
        assert not [deed for deed in deeds if deed["trouble"]]
        return {deed["sandbox"].removeprefix(f"{self.name}-"): deed["what"] for deed in deeds}

    def left(self) -> list[str]:
        """All that the engine has of the class."""
        client = docker.from_env()
        mine = (
            *(one.name for one in client.containers.list(all=True, ignore_removed=True)),
            *(one.name for one in client.networks.list()),
            *(one.name for one in client.volumes.list()),
        )
        client.close()
        return [one for one in mine if f"labctl-{self.name}" in one]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    home = Home(tmp_path_factory.mktemp("room"))
    folder = home.directory / "lab"
    (folder / "www").mkdir(parents=True)
    (folder / "lab.yml").write_text(LAB)
    (folder / "www" / "index.html").write_text("as it was\n")
    (folder / "www" / "extra.txt").write_text("to be removed\n")
    (folder / "students.csv").write_text(ROSTER, encoding="utf-16")
    made = Room(home, OwnEdge(home), f"t{secrets.token_hex(3)}", folder)
    try:
        made.edge.must("up")
        made.must("create", "--lab", str(folder), "--roster", str(folder / "students.csv"),
                  "--idle", "8")  # fmt: skip
        made.must("up")
        yield made
    finally:
        try:
            destroyed = made.labctl("destroy", "--yes")
            left = made.left()
        finally:
            made.edge.remove()
    assert destroyed.status == 0, destroyed.said
    assert left == []


def test_each_student_has_a_site_of_their_own(room: Room) -> None:
    assert room.states() == dict.fromkeys(("s01", "s02", "s03"), "up")
    room.write("s01", "/var/www/www/index.html", "Ada's\n")
    assert [room.page(one) for one in ("s01", "s02", "s03")] == ["Ada's\n", *["as it was\n"] * 2]
    said = room.labctl("up").out
    for one in ("s01", "s02", "s03"):
        assert f"ssh -p {room.edge.ssh} {one}@localhost" in said
    assert "3 of 3 sandboxes" in said
    room.must("reset", "--only", "s01", "--yes")


def test_a_name_is_text_wherever_it_is_shown(room: Room) -> None:
    listed = room.labctl("list").out
    assert "=1+1" in listed
    assert "\u2068José \u05e0\u2069" in listed  # what is written from right to left, kept together


def test_one_failure_stops_nobody_else(room: Room) -> None:
    room.must("archive", "--only", "s01,s02")
    client = docker.from_env()
    image = client.containers.get(f"labctl-{room.name}-s03-server-1").image.id
    squatter = client.containers.create(image, name=f"labctl-{room.name}-s01-server-1")
    try:
        ran = room.labctl("up", "--json")
        found = {one["id"]: one for one in ran.json["sandboxes"]}
        assert ran.status == 1
        assert "s01-server-1" in found["s01"]["trouble"]
        assert (found["s02"]["trouble"], found["s03"]["trouble"]) == ("", "")
        assert room.page("s02") == "as it was\n"
    finally:
        squatter.remove(force=True)
        client.close()
    room.must("up")
    assert set(room.states().values()) == {"up"}


def test_work_survives_being_stopped_and_being_archived(room: Room) -> None:
    room.write("s01", "/root/notes/mine.txt", "mine")
    room.write("s01", "/var/www/www/index.html", "Ada's\n")
    secret = ("sh", "-c", "umask 077; echo x >/var/www/hidden; chown www-data: /var/www/hidden")
    assert room.exec("s01", *secret).status == 0
    assert room.exec("s01", "rm", "/var/www/www/extra.txt").status == 0
    for stop in ("down", "archive"):
        room.must(stop, "--only", "s01")
        assert room.states()["s01"] == {"down": "down", "archive": "archived"}[stop]
        assert not disks.names(f"{room.name}-s01")
        assert disks.names(f"{room.name}-s02")
        assert room.page("s01") != "Ada's\n"
        assert room.page("s02") == "as it was\n"
        room.must("up", "--only", "s01")
        assert room.read("s01", "/root/notes/mine.txt") == "mine"
        owner = room.exec("s01", "stat", "-c", "%U %a", "/var/www/hidden").out
        assert owner == "www-data 600\n"
        assert room.read("s01", "/var/www/www/extra.txt") is None
    drift = room.home.labctl("plan", f"{room.name}-s01", "--json").json["drift"]
    assert {one["path"] for one in drift} == {
        "/var/www/www/index.html",
        "/var/www/www/extra.txt",
    }
    kept = list((room.home.data / "classes" / room.name / "archive").glob("s01-*.tar.gz"))
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}


def test_a_reset_sandbox_is_as_new_and_only_that(room: Room) -> None:
    room.write("s01", "/root/mine.txt", "mine")
    room.write("s02", "/root/mine.txt", "mine")
    ran = room.labctl("reset", "--only", "s01")
    assert (ran.status, room.read("s01", "/root/mine.txt")) == (1, "mine")
    room.must("reset", "--only", "s01", "--yes")
    assert room.read("s01", "/root/mine.txt") is None
    assert room.read("s02", "/root/mine.txt") == "mine"
    assert room.page("s01") == "as it was\n"


def test_a_snapshot_is_gone_back_to(room: Room) -> None:
    def sandbox(action: str, *words: str) -> Ran:
        ran = room.home.labctl("sandbox", action, room.name, "s02", *words)
        assert ran.status == 0, ran.said
        return ran

    room.write("s02", "/root/mine.txt", "before")
    sandbox("snapshot", "good")
    room.write("s02", "/root/mine.txt", "after")
    room.write("s02", "/var/www/www/index.html", "after\n")
    room.write("s02", "/root/more.txt", "after")
    assert "+after" in sandbox("diff").out
    assert "server:/var/roothome/more.txt  (new, or data)" in sandbox("diff").out
    assert [one["name"] for one in sandbox("snapshot", "--list", "--json").json] == ["good"]
    sandbox("restore", "good", "--yes")
    assert (room.read("s02", "/root/mine.txt"), room.read("s02", "/root/more.txt")) == (
        "before", None,
    )  # fmt: skip
    assert room.page("s02") == "as it was\n"
    assert sandbox("shell", "--", "hostname").out == sandbox("ssh", "--", "hostname").out
    missing = room.home.labctl("sandbox", "restore", room.name, "s02", "nope", "--yes")
    assert (missing.status, room.read("s02", "/root/mine.txt")) == (2, "before")
    (kept,) = (one["name"] for one in sandbox("snapshot", "--list", "--json").json
               if one["name"] != "good")  # fmt: skip
    sandbox("restore", kept, "--yes")
    assert room.read("s02", "/root/mine.txt") == "after"
    path = room.home.data / "classes" / room.name / "snapshots" / "s02" / "good.tar.gz"
    path.write_bytes(path.read_bytes()[:-100])
    damaged = room.home.labctl("sandbox", "restore", room.name, "s02", "good", "--yes")
    assert (damaged.status, "the archive is damaged" in damaged.err) == (1, True)
    assert room.read("s02", "/root/mine.txt") == "after"


def test_a_machine_that_cannot_start_is_archived_all_the_same(room: Room) -> None:
    room.write("s03", "/root/mine.txt", "mine")
    container = f"labctl-{room.name}-s03-server-1"
    # a way back that cannot be gone does not keep the machine from starting
    assert room.exec("s03", "touch", "/var/lib/labctl/undo.list").status == 0
    assert run(["docker", "restart", container]).status == 0
    assert eventually(lambda: room.read("s03", "/root/mine.txt")) == "mine"
    assert room.exec("s03", "test", "-e", "/var/lib/labctl/undo.list").status == 1
    broken = "cd /var/lib/labctl && rm generation manifest && mkdir generation"
    assert room.exec("s03", "sh", "-euc", broken).status == 0
    run(["docker", "restart", "-t", "1", container])
    eventually(lambda: run(["docker", "inspect", "-f", "{{.State.Status}}", container]).out
               == "restarting\n")  # fmt: skip
    assert eventually(lambda: room.states()["s03"] == "partly up")
    assert room.tick(9 * HOUR)["s03"].startswith("archived: ")
    assert room.states()["s03"] == "archived"
    (newest,) = sorted((room.home.data / "classes" / room.name / "archive").glob("s03-*"))[-1:]
    with tarfile.open(newest) as archive, tempfile.TemporaryFile() as spool:
        inner = archive.extractfile("server.tar")
        assert inner
        spool.write(inner.read())
        spool.seek(0)
        with tarfile.open(fileobj=spool) as work:
            assert "var/roothome/mine.txt" in work.getnames()
    room.must("reset", "--yes")


def test_an_archive_never_goes_over_newer_work(room: Room) -> None:
    room.write("s01", "/root/mine.txt", "old")
    room.must("archive", "--only", "s01")
    record = room.home.data / "classes" / room.name / "class.json"
    room.must("up", "--only", "s01")
    room.write("s01", "/root/mine.txt", "new")
    room.edge.python(RESTORE, room.name, "s01")  # as after a kill -9 in the midst of that
    for stop in ("down", ""):
        if stop:
            room.must(stop, "--only", "s01")
        (one,) = room.must("up", "--only", "s01")["sandboxes"]
        assert ("was not put over what was there" in one["done"]) == bool(stop)
        assert room.read("s01", "/root/mine.txt") == "new"
    assert record.exists()
    (kept,) = room.home.labctl("sandbox", "snapshot", room.name, "s01", "--list", "--json").json
    again = room.home.labctl("sandbox", "restore", room.name, "s01", kept["name"], "--yes")
    assert (again.status, room.read("s01", "/root/mine.txt")) == (0, "old")


def test_one_who_is_past_the_end_holds_nobody_up(room: Room) -> None:
    room.edge.python(END, room.name, "s01")
    ran = room.labctl("up", "--json")
    found = {one["id"]: one["trouble"] for one in ran.json["sandboxes"]}
    assert (ran.status, found["s02"], found["s03"]) == (1, "", "")
    assert "past its end" in found["s01"]
    room.must("extend", "--only", "s01", "--until", "2100-01-01")


def test_what_was_up_comes_back_after_the_host_was_started(room: Room) -> None:
    room.write("s01", "/root/mine.txt", "mine")
    room.must("down", "--only", "s03")
    stopped = [f"labctl-{room.name}-{one}-server-1" for one in ("s01", "s02")]
    run(["docker", "stop", "-t", "1", *stopped, room.edge.container("edge")])
    for one in ("s01", "s02"):
        shutil.rmtree(room.home.doors / "doors" / f"{room.name}-{one}")
    (room.home.data / "classes" / "ticked").write_text("1")
    assert room.tick(0)["edge"] == "up again"
    assert room.states() == {"s01": "up", "s02": "up", "s03": "down"}
    assert room.read("s01", "/root/mine.txt") == "mine"
    assert room.page("s01") == "as it was\n"
    room.must("up")


def test_who_leaves_the_roster_is_archived_only_when_that_is_agreed_to(room: Room) -> None:
    room.write("s02", "/root/mine.txt", "José's")
    room.must("list", "--passwords")
    new = room.roster(("s01", "Ada"), ("s03", "=1+1"), ("s04", "Edsger"))
    shown = room.labctl("roster", new)
    assert shown.status == 3
    assert "- s02" in shown.out
    assert "+ s04" in shown.out
    assert set(room.states()) == {"s01", "s02", "s03"}
    room.must("roster", new, "--yes")
    assert room.states() == {"s01": "up", "s03": "up", "s04": "down"}
    assert not [one for one in room.left() if f"{room.name}-s02" in one]
    room.must("up")
    assert room.page("s04") == "as it was\n"
    same = room.roster(("s01", "Ada"), ("s02", "José \u05e0"), ("s03", "=1+1"))
    room.must("roster", same, "--yes")
    room.must("up")
    assert room.read("s02", "/root/mine.txt") == "José's"


def test_another_person_with_a_former_students_id_has_nothing_of_theirs(room: Room) -> None:
    secret = ("sh", "-euc", "cat $(sed -n 's/^HostKey //p' $(grep -rl ^HostKey /etc/ssh))")
    former = room.exec("s02", *secret).out
    here = (("s01", "Ada"), ("s03", "=1+1"))
    room.must("roster", room.roster(*here), "--yes")
    new = room.roster(*here, ("s02", "Niklaus"))
    asked = room.labctl("roster", new)
    assert (asked.status, "! s02  was" in asked.out) == (3, True)
    assert set(room.states()) == {"s01", "s03"}
    room.must("roster", new, "--yes")
    room.must("up", "--only", "s02")
    assert room.read("s02", "/root/mine.txt") is None
    assert "PRIVATE KEY" in former
    assert room.exec("s02", *secret).out != former
    listed = room.home.labctl("sandbox", "snapshot", room.name, "s02", "--list", "--json")
    assert listed.json == []


def test_a_bad_roster_changes_nothing(room: Room) -> None:
    before = room.must("list")
    ran = room.labctl("roster", room.roster(("s01", "Ada"), ("S01", "Ada")), "--yes")
    assert ran.status == 2
    assert "roster.csv:3:1: id: 'S01' is in line 2 already" in ran.err
    assert room.must("list") == before


def test_more_than_the_host_can_bear_is_said_before_anything_starts(room: Room) -> None:
    name = f"t{secrets.token_hex(3)}"
    many = room.roster(*((f"s{number:04}", "x") for number in range(9_999)))
    words = ("--lab", str(room.folder), "--roster", many)
    made = room.home.labctl("class", "create", name, *words)
    assert made.status == 0, made.said
    ran = room.home.labctl("class", "up", name)
    assert ran.status == 1
    assert "9999 sandboxes need at least" in ran.err
    assert not api.containers([f"hosting-labctl.class={name}"])
    assert room.home.labctl("class", "destroy", name, "--yes").status == 0


def test_an_unused_sandbox_is_announced_archived_and_comes_back(room: Room) -> None:
    room.must("extend")
    room.write("s01", "/root/mine.txt", "mine")
    assert room.tick(0) is not None  # from now on, only what happens later counts
    assert room.tick(7 * HOUR).keys() >= {"s01", "s02"}
    assert "Unused for 8 hours it ends" in room.exec("s01", "bash", "-lc", "true").out
    room.must("extend", "--only", "s01")
    assert room.tick(0)["s01"] == "renewed: the warning is gone"
    assert room.exec("s01", "bash", "-lc", "true").out == ""
    archived = room.tick(9 * HOUR)
    assert all(what.startswith("archived: ") for what in archived.values())
    assert set(room.states().values()) == {"archived"}
    assert room.tick(9 * HOUR) == {}
    room.must("up")
    assert room.read("s01", "/root/mine.txt") == "mine"


@contextmanager
def connected(room: Room, student: str) -> Iterator[None]:
    """A request to a student's site that does not come to its end."""
    with socket.create_connection(("127.0.0.1", room.edge.http), 20) as connection:
        host = f"www.{student}.{room.name}.localhost"
        head = f"POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100000\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 50_000)
        yield


def used(room: Room) -> dict[str, int]:
    """When each student was last seen."""
    found = json.loads(room.edge.python(SEATS, room.name))
    return {one["student"]["id"]: one["used"] for one in found}


def test_whoever_is_there_or_was_is_not_idle(room: Room) -> None:
    room.must("extend")
    begun = time.time()
    eventually(lambda: time.time() > begun + 3)  # what was before is told by now
    room.tick(0)
    # a program of the student's that looks as if somebody was there is nobody
    looks = "cp /bin/sleep /root/sshd && (/root/sshd 600 >/dev/null 2>&1 &)"
    assert room.exec("s03", "sh", "-euc", looks).status == 0
    assert room.page("s02") == "as it was\n"
    assert eventually(lambda: room.tick(0)) == {"s02": "used"}  # its log is a second late
    before = used(room)
    with connected(room, "s01"):
        assert eventually(lambda: room.tick(0)) == {"s01": "used"}
    after = used(room)
    assert after["s01"] > before["s01"]
    assert (after["s02"], after["s03"]) == (before["s02"], before["s03"])
    room.must("extend")


def test_leftovers_of_a_lost_class_are_found_and_no_neighbours(room: Room) -> None:
    lost = f"t{secrets.token_hex(3)}"
    words = ("--lab", str(room.folder), "--roster", room.roster(("s01", "x")))
    assert room.home.labctl("class", "create", lost, *words).status == 0
    assert room.home.labctl("class", "up", lost).status == 0
    assert room.home.labctl("gc").status == 0  # all that there is belongs to a class
    (room.home.data / "classes" / lost / "class.json").unlink()
    neighbour = Home(room.home.directory / "neighbour")
    neighbour.directory.mkdir()
    assert (neighbour.labctl("gc", "--yes").status, len(api.containers(labels(lost)))) == (0, 1)
    found = room.home.labctl("gc", "--json")
    assert (found.status, [one["lab"] for one in found.json]) == (3, [f"{lost}-s01"])
    assert len(api.containers(labels(lost))) == 1
    assert room.home.labctl("gc", "--yes").status == 0
    assert not api.containers(labels(lost))
    assert room.home.labctl("gc").status == 0
    assert set(room.states().values()) == {"up"}


def labels(group: str) -> list[str]:
    return [f"hosting-labctl.class={group}"]


def test_an_archive_that_is_damaged_is_told(room: Room) -> None:
    room.must("archive", "--only", "s03")
    folder = room.home.data / "classes" / room.name / "archive"
    newest = max(folder.glob("s03-*.tar.gz"))
    whole = newest.read_bytes()
    with tarfile.open(newest) as archive:
        assert archive.getnames() == ["about.json", "server.tar"]
    newest.write_bytes(whole[: len(whole) // 2])
    ran = room.labctl("up", "--only", "s03")
    assert (ran.status, "the archive is damaged" in ran.err) == (1, True)
    newest.write_bytes(whole)
    room.must("up", "--only", "s03")
    assert room.states()["s03"] == "up"
