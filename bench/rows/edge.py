"""The edge with a thousand sandboxes known: a name more, and requests through it beside direct."""

from __future__ import annotations

import asyncio
import http.client
import resource
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from bench import generator
from bench.generator import Source
from bench.measure import Row, Sample, at_least, at_most, interleaved, ratio
from bench.students import LAB1, LIMIT, NAME, Students, each
from bench.workspace import Workspace

COUNT = 1000
PAGE = "/index.html"
NEW = "new"
BARS = {"https": 0.6, "http": 0.3}
LATER = 0.3  # ms


def rows(workspace: Workspace, rounds: int) -> Iterable[Row]:
    """One real sandbox, 999 doors with a stand-in at each, all asked through the edge first."""
    generator.build(workspace)
    with Students(workspace, COUNT, _lab(workspace)) as students:
        real, *others = students.ids
        students.up([real])
        with StandIns(students, others):
            each(students.ids, lambda one: _asked(students, one))
            yield added(students)
            yield from through(Ways(students, real), rounds)


def _lab(workspace: Workspace) -> Path:
    """lab1, whose static pages come by plain HTTP too: the lightest work for a front."""
    folder = workspace.folder / "edge-lab"
    shutil.copytree(LAB1, folder)
    file = folder / "lab.yml"
    lab = yaml.safe_load(file.read_bytes())
    lab["sites"]["www"]["http"] = "serve"
    file.write_text(yaml.safe_dump(lab, sort_keys=False))
    return folder


def _asked(students: Students, student: str) -> None:
    """Ask the edge for a student's page. RuntimeError where it is not theirs."""
    connection = http.client.HTTPConnection("127.0.0.1", students.http, timeout=LIMIT)
    connection.request("GET", PAGE, headers={"Host": students.host(student)})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    real = student in (students.ids[0], NEW)
    if answer.status != 200 or (body != student and not real):
        raise RuntimeError(f"{students.host(student)}: {answer.status} {body[:50]}")


def added(students: Students) -> Row:
    """A student comes, their sandbox is brought up, and its name answers at the first asking."""
    before = _workers(students)
    students.enrol(NEW)
    students.up([NEW])
    _asked(students, NEW)
    after = _workers(students)
    what = f"a sandbox more at an edge that knows {COUNT:,}: nginx's workers that are others then"
    note = "its name answers at the first asking"
    return at_most(what, Sample((float(len(before ^ after)),)), 0, note=note)


def _workers(students: Students) -> set[str]:
    """The process numbers of the edge's workers. RuntimeError without."""
    found = {row[0] for row in _edge(students).top(ps_args="-eo pid,args")["Processes"]
             if row[1].startswith("nginx: worker process")}  # fmt: skip
    if not found:
        raise RuntimeError("the edge has no worker")
    return found


def _edge(students: Students) -> Any:
    """The container of the bench's own edge: the one that has its doors."""
    label = {"label": "hosting-labctl.machine=edge"}
    return next(
        one
        for one in students.workspace.client.containers.list(filters=label)
        if any(mount["Source"] == str(students.doors) for mount in one.attrs["Mounts"])
    )


class Ways:
    """Two ways to the front of one sandbox: on its own network, and by the host's edge.

    The load comes from the same image on both: from a container beside the sandbox, which asks
    the front's address, and from one with the host's network, which asks the edge at loopback.
    """

    def __init__(self, students: Students, student: str) -> None:
        (server,) = students.containers(student)
        ((network, place),) = server.attrs["NetworkSettings"]["Networks"].items()
        self.students, self.host = students, students.host(student)
        workspace, address = students.workspace, place["IPAddress"]
        self.near = Source(workspace, f"{NAME}-near", network, {self.host: address})
        self.far = Source(workspace, f"{NAME}-far", "host", {self.host: "127.0.0.1"})

    def direct(self, scheme: str) -> str:
        """The URL of a page on the sandbox's network."""
        return f"{scheme}://{self.host}{PAGE}"

    def by_edge(self, scheme: str) -> str:
        """The URL of the same page on the host."""
        port = self.students.https if scheme == "https" else self.students.http
        return f"{scheme}://{self.host}:{port}{PAGE}"

    def remove(self) -> None:
        """Both containers go."""
        for source in (self.near, self.far):
            source.container.remove(force=True)


def through(ways: Ways, rounds: int) -> Iterator[Row]:
    """Saturated requests, and what one connection waits, through the edge beside direct."""
    try:
        for scheme, bar in BARS.items():
            yield saturated(ways, scheme, bar, rounds)
        for scheme in BARS:
            yield waited(ways, scheme, rounds)
    finally:
        ways.remove()


def saturated(ways: Ways, scheme: str, bar: float, rounds: int) -> Row:
    """Requests a second over 32 kept connections."""
    ours, direct = _both(
        rounds,
        lambda: ways.far.requests(ways.by_edge(scheme)),
        lambda: ways.near.requests(ways.direct(scheme)),
    )
    note = f"{ours.median:,.0f} against {direct.median:,.0f} a second"
    what = f"static file of a sandbox through the edge against direct, {scheme.upper()}"
    return at_least(what, ratio(ours, direct), bar, note)


def waited(ways: Ways, scheme: str, rounds: int) -> Row:
    """How much longer half of the requests on one connection take."""
    ours, direct = _both(
        rounds,
        lambda: ways.far.latency(ways.by_edge(scheme)),
        lambda: ways.near.latency(ways.direct(scheme)),
    )
    pairs = zip(ours.values, direct.values, strict=True)
    more = Sample(tuple(through - without for through, without in pairs))
    note = f"{ours.text('ms', 3)} against {direct.text('ms', 3)}"
    what = f"p50 of one connection through the edge over direct, {scheme.upper()}"
    return at_most(what, more, LATER, "ms", note)


def _both(
    rounds: int, ours: Callable[[], float], direct: Callable[[], float]
) -> tuple[Sample, Sample]:
    mine, other = interleaved(rounds, [ours, direct])
    return mine, other


class StandIns(threading.Thread):
    """An HTTP server at the door of each of many sandboxes; it answers with whose door it is."""

    def __init__(self, students: Students, ids: Iterable[str]) -> None:
        super().__init__(daemon=True)
        self.doors = {one: students.doors / students.sandbox(one) for one in ids}
        self.loop = asyncio.new_event_loop()

    def __enter__(self) -> StandIns:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * COUNT)), hard))
        self.loop.run_until_complete(self._open())
        self.start()
        return self

    def run(self) -> None:
        """Serve until the end of the ``with``."""
        self.loop.run_forever()

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.join()
        self.loop.close()

    async def _open(self) -> None:
        for student, door in self.doors.items():
            door.mkdir()
            door.chmod(0o777)
            path = door / "http.sock"
            await asyncio.start_unix_server(_answers(student), path)
            path.chmod(0o666)


def _answers(student: str) -> Callable[..., Any]:
    """Answer one request with the student's id."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(student)}\r\nConnection: close\r\n\r\n"
        writer.write((head + student).encode())
        await writer.drain()
        writer.close()

    return answer
