"""A class of students: bringing it up, what it takes, grading it, and what others do instead."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from bench import students as classes
from bench.measure import Row, Sample, at_most, interleaved, missing, ratio, timed
from bench.neighbours import HARM, measured
from bench.peer import Peer, Unavailable
from bench.rows.footprint import MB, pss
from bench.students import APPLICATIONS, NAME, Students, Undo, compose, each, merged
from bench.workspace import Workspace

COUNT = 30
NEIGHBOURS = 4
IDLE_SECONDS = 60
IDLE_BAR, RUNNING_BAR = 25, 60  # MB
GRADING_BAR = 20.0  # seconds
SLOWER_BAR, LATER_BAR = 2.0, 20.0  # times the quiet p50, ms beside the quiet p99
EXERCISES = ("01-virtual-host", "03-cgi", "04-register")  # 20 checks together
_ALIKE = "each with what it has of its own"


def rows(workspace: Workspace, rounds: int) -> Iterable[Row]:
    """The rows about a class of thirty."""
    with Students(workspace, COUNT) as students:
        bringing = Bringing(students)
        yield from bringing.rows(max(rounds - 2, 1))
        students.up()
        yield from memory(students)
        yield grading(students)
        yield from hostile(students)


class Bringing:
    """The sandboxes of a class from nothing: by labctl, by Compose alone, and as others do it.

    Each begins with no container, network or volume, the same images, and the kept keys. Compose
    and the calls of the API get the rendered files as labctl wrote them, and the disks made.
    """

    def __init__(self, students: Students) -> None:
        self.students = students
        self.copies = students.workspace.folder / "rendered-class"
        students.up()
        for one in students.ids:
            shutil.copytree(students.state(one), self.copies / one)
        self.file = merged(students)
        self.machines = {
            f"{one}_{name}": _for_kathara(service, one)
            for one in students.ids
            for name, service in students.definition(one)["services"].items()
        }
        students.remove()

    def rows(self, rounds: int) -> Iterator[Row]:
        """The comparison with Compose, then with the peers."""
        works = [self.labctl, self.compose, self.one_by_one]
        reason = ""
        try:
            self.peers = Peer(self.students.workspace, {})
            works.append(self.kathara)
        except Unavailable as problem:
            reason = str(problem)
        ours, alone, serial, *others = interleaved(rounds, works)
        what = f"{COUNT} sandboxes of lab1, warm, until each answers, against `docker compose up`"
        note = f"{ours.text('s')} against {alone.text('s')}, whose disks were there already"
        yield at_most(what, ratio(ours, alone), 1.2, note=note)
        yield self.peer(
            ours, serial, "a container a student by the API, one after the other", _ALIKE
        )
        name = "Kathará's library"
        if others:
            note = "the same images and services, until each answers; without limits and disks"
            yield self.peer(ours, others[0], name, note)
        else:
            yield missing(f"peer: the same {COUNT} by {name}", "> 1", reason)

    def peer(self, ours: Sample, other: Sample, name: str, what: str) -> Row:
        """How much longer others take."""
        over = ratio(other, ours)
        note = f"{other.text('s')}: {what}"
        return Row(f"peer: the same {COUNT} by {name}, over labctl", "> 1", over.text(),
                   over.median > 1, note)  # fmt: skip

    def labctl(self) -> float:
        """`labctl class up`, then the bench's own questions."""
        seconds = timed(self.students.up) + self.students.answer()
        self.students.remove()
        return seconds

    def prepared(self) -> None:
        """What Compose needs: the files, the doors and the disks."""
        for one in self.students.ids:
            shutil.copytree(self.copies / one, self.students.state(one), dirs_exist_ok=True)
            (self.students.doors / self.students.sandbox(one)).mkdir(exist_ok=True)
        self.students.disks()

    def compose(self) -> float:
        """One `docker compose up -d` of all, then the bench's own questions."""
        self.prepared()
        try:
            seconds = timed(lambda: compose("-f", str(self.file), "up", "-d"))
            return seconds + self.students.answer()
        finally:
            compose("-f", str(self.file), "down", "--volumes")
            self.students.remove()

    def kathara(self) -> float:
        """Kathará's library with the same images, services and doors, until each answers."""
        self.prepared()
        try:
            return self.peers.deployed(self.machines, self.students.answer)
        finally:
            self.students.remove()

    def one_by_one(self) -> float:
        """A network and a container a student by calls of the API, in turn, until they answer."""
        self.prepared()
        start, undo = time.perf_counter(), list[list[Undo]]()
        try:
            for one in self.students.ids:
                undo.append([])
                classes.create(self.students, one, undo[-1])
            self.students.answer()
            return time.perf_counter() - start
        finally:
            each(undo, lambda steps: [step() for step in reversed(steps)], workers=8)
            self.students.remove()


def _for_kathara(service: Mapping[str, Any], student: str) -> dict[str, Any]:
    """A machine as Kathará's library takes it: it has no volumes of the engine's."""
    binds = [one for one in service["volumes"] if one["type"] == "bind"]
    return {
        "image": service["image"],
        "entrypoint": "/usr/lib/labctl/init",
        "network": f"net{student}",
        "volumes": [
            f"{one['source']}|{one['target']}|{'ro' if one.get('read_only') else 'rw'}"
            for one in binds
        ],
    }


def memory(students: Students) -> Iterator[Row]:
    """PSS of a sandbox's own processes: with its applications running, and idle."""
    try:
        students.wake()
        running = shares(students)
        time.sleep(IDLE_SECONDS)  # this is what is measured: a minute without anybody
        idle = shares(students)
    except PermissionError:
        reason = "reading other users' smaps_rollup needs root"
        yield missing("memory of a sandbox (PSS)", f"≤ {RUNNING_BAR} MB", reason)
        return
    shims = Sample(tuple(shim(students, one) / MB for one in students.ids))
    for what, sample, bar in (
        ("with its applications running", running, RUNNING_BAR),
        ("sixty seconds idle", idle, IDLE_BAR),
    ):
        note = f"the engine's shim beside it: {shims.text('MB', 1)}"
        row = f"memory of a sandbox, {COUNT} alike on the host, {what} (PSS)"
        yield at_most(row, sample, bar, "MB", note)


def shares(students: Students) -> Sample:
    """MB of PSS of each sandbox."""

    def of(student: str) -> float:
        tops = [one.top(ps_args="-eo pid") for one in students.containers(student)]
        return sum(pss(int(row[0])) for top in tops for row in top["Processes"]) / MB

    return Sample(tuple(of(one) for one in students.ids))


def shim(students: Students, student: str) -> int:
    """Bytes of PSS of what the engine runs beside a sandbox's containers."""
    found = 0
    for container in students.containers(student):
        container.reload()
        status = Path(f"/proc/{container.attrs['State']['Pid']}/status").read_text()
        parent = next(line for line in status.splitlines() if line.startswith("PPid:"))
        found += pss(int(parent.split()[1]))
    return found


def grading(students: Students) -> Row:
    """`labctl class check` of all, as a whole process."""
    workspace = students.workspace
    words = [word for name in EXERCISES for word in ("--exercise", name)]

    def graded() -> str:
        return workspace.labctl("class", "check", NAME, "--json", *words, check=False)

    start = time.perf_counter()
    told = json.loads(graded())
    seconds = Sample((time.perf_counter() - start,))
    asked = [len(one["checks"]) for one in told["students"]]
    what = f"grading {COUNT} sandboxes × {min(asked)} checks"
    return at_most(what, seconds, GRADING_BAR, "s", f"exercises {', '.join(EXERCISES)}")


def hostile(students: Students) -> Iterator[Row]:
    """What harm in one sandbox costs four others, each kind beside a quiet time just before it."""
    culprit, *others = students.ids[: NEIGHBOURS + 1]
    students.wake()
    sites = {
        students.host(one, site): students.doors / students.sandbox(one) / "http.sock"
        for one in others
        for site in APPLICATIONS
    }
    (machine,) = students.containers(culprit)
    slower, later = dict[str, float](), dict[str, float]()
    failed = asked = 0
    for harm in HARM:
        quiet = measured(sites, machine.name)
        got = measured(sites, machine.name, harm, other=students.sandbox(others[0]))
        slower[harm] = got.milliseconds(0.5) / quiet.milliseconds(0.5)
        later[harm] = got.milliseconds(0.99) - quiet.milliseconds(0.99)
        failed += len(got.failures)
        asked += len(got.seconds)
    what = f"{NEIGHBOURS} neighbours of a hostile sandbox"
    yield Row(f"{what}: requests that failed", "0", f"{failed} of {asked:,}", failed == 0)
    yield _worst(f"{what}: p50, times the quiet one", f"< {SLOWER_BAR:g}", slower, SLOWER_BAR)
    yield _worst(f"{what}: p99 more than the quiet one, ms", f"≤ {LATER_BAR:g}", later, LATER_BAR)


def _worst(what: str, bar: str, found: Mapping[str, float], limit: float) -> Row:
    worst = max(found, key=lambda harm: found[harm])
    note = ", ".join(f"{harm} {value:.2f}" for harm, value in found.items())
    return Row(what, bar, f"{found[worst]:.2f} ({worst})", found[worst] < limit, note)
