"""How long from nothing to the first answer, and what the lab then takes of its host.

A lab that is not there is brought up; the clock runs until every site has answered a visitor.
Then everything that runs for it is counted: machines, processes, and their memory as the
proportional set size (PSS, proc_pid_smaps(5)): a page that several processes share is divided
among them, so that the sum is what would be free without them. Disk is what the lab has
written: its machines' own layers and its volumes, not the images, which labs share.

More machines mean more copies of the same programs, and one process of the engine that watches
over each; one machine shares it all. That is the price of keeping services apart.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

from labctl.engines import api
from labctl.experiments import Figure, Needs, number
from labctl.experiments.apparatus import memory
from labctl.experiments.apparatus.bench import Bench
from labctl.render.compose import LABEL

TITLE = "first answer, and what the lab takes of its host"
NEEDS: Needs = "own"
STEPS = (
    "bring the lab up from nothing (its images are there), until every site answers a visitor",
    "count its machines, and the processes on them",
    "add up the memory of these processes, and of the engine's processes beside them",
    "add up what its machines and volumes have written to disk",
)
MIB = 2**20
_RATE = 20.0


def run(bench: Bench) -> Iterable[Figure]:
    """Ask until all sites have answered, then count."""
    yield _seconds(bench)
    machines = bench.lab.machines
    kept = ", ".join(m.name for m in bench.servers)
    yield Figure(
        "answer.machines",
        "machines",
        len(machines),
        note=f"besides visitors and their provider: {kept}",
    )
    processes = memory.processes(bench.containers)
    count = sum(map(len, processes.values()))
    yield Figure("answer.processes", "processes on them", count)
    yield from _memory(bench, processes)
    yield _disk(bench)


def _seconds(bench: Bench) -> Figure:
    bench.say("asking every site until it answers")
    start = time.monotonic()
    if bench.sites:
        with bench.load(bench.sites, _RATE) as load:
            load.steady()
    seconds = (bench.seconds or 0.0) + time.monotonic() - start
    note = f"{number(bench.seconds or 0.0)} s of it until all daemons were ready"
    return Figure(
        "answer.seconds", "from nothing until every site answers", seconds, "s", "lower", note
    )


def _memory(bench: Bench, processes: memory.Processes) -> Iterable[Figure]:
    bench.say("adding up memory")
    title, engine = "memory of these processes (PSS)", "memory of the engine beside them (PSS)"
    try:
        shares = memory.shares(bench.containers, processes)
    except memory.Unreadable as reason:
        yield Figure("answer.memory", title, None, note=str(reason))
        yield Figure("answer.engine", engine, None, note=str(reason))
        return
    each = sorted(shares.items(), key=lambda pair: -pair[1])
    note = ", ".join(f"{name} {number(size / MIB)}" for name, size in each)
    yield Figure("answer.memory", title, sum(shares.values()) / MIB, "MiB", "lower", note)
    shims = memory.shims(bench.containers)
    if shims is None:
        yield Figure("answer.engine", engine, None, note="only root on the host can read it")
        return
    note = f"{len(shims)} processes that watch over a container each"
    yield Figure("answer.engine", engine, sum(shims) / MIB, "MiB", "lower", note)


def _disk(bench: Bench) -> Figure:
    """What is the lab's alone (Engine API: GET /system/df)."""
    bench.say("adding up disk")
    used = json.loads(api.call("GET", "/system/df"))

    def ours(labels: dict[str, str] | None) -> bool:
        return (labels or {}).get(f"{LABEL}.lab") == bench.lab.name

    layers = sum(c.get("SizeRw") or 0 for c in used["Containers"] or () if ours(c["Labels"]))
    volumes = [v for v in used["Volumes"] or () if ours(v["Labels"])]
    data = sum(max(0, (v.get("UsageData") or {}).get("Size", 0)) for v in volumes)
    note = f"{number(layers / MIB)} MiB on machines, {number(data / MIB)} MiB in volumes"
    return Figure("answer.disk", "disk of its own", (layers + data) / MIB, "MiB", "lower", note)
