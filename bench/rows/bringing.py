"""Bringing lab1 up: labctl, plain Compose and Kathará's library, in turn; and up again."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench import targets
from bench.measure import Row, at_most, interleaved, missing, ratio, timed
from bench.peer import Peer, Unavailable
from bench.workspace import BenchLab, run

PEER = "peer: Kathará's library over `labctl up`"
PROBER = Path(__file__).parent.parent / "shipped" / "prober.py"


def rows(lab: BenchLab, rounds: int) -> Iterable[Row]:
    """The rows about bringing ``lab`` up; it is left up."""
    bringing = Bringing(lab)
    works, reason = [bringing.labctl, bringing.compose], ""
    try:
        works.append(Peer(lab.workspace, bringing.images).deploy)
    except Unavailable as problem:
        reason = str(problem)
    ours, compose, *others = interleaved(rounds, works)
    note = f"{ours.text('s')} against {compose.text('s')}{bringing.late}"
    what = "`up lab1`, warm, until every service answers, against `docker compose up -d` and probes"
    yield at_most(what, ratio(ours, compose), 1.15, note=note)
    if others:
        yield peer_row(ratio(others[0], ours).text(), others[0].text("s"))
    else:
        yield missing(PEER, "–", reason)
    lab.up()
    yield unchanged(lab, rounds)


def peer_row(figure: str, seconds: str) -> Row:
    note = (
        f"{seconds}: lab1's machines from the same images, each with a shell and no service, "
        "until they run; its network driver replaced by Docker's bridge"
    )
    return Row(PEER, "–", figure, None, note)


def unchanged(lab: BenchLab, rounds: int) -> Row:
    """`labctl up` on a lab that is up and as it should be."""
    (sample,) = interleaved(rounds * 2, [lambda: timed(lab.up)])
    return at_most("`up lab1` with nothing changed", sample, 0.5, "s")


class Bringing:
    """One lab, brought up from nothing by labctl or by Compose, and taken down again.

    Both begin with no container, network or volume, the same images, and the same kept CA and
    keys. Compose gets the rendered files as labctl wrote them.
    """

    def __init__(self, lab: BenchLab) -> None:
        self.lab = lab
        self.copy = lab.workspace.folder / f"rendered-{lab.name}"
        self.unconfirmed: list[str] = []
        lab.up()
        shutil.copytree(lab.state, self.copy)
        seen = {name: lab.seen_from_outside(name) for name in ("front", "mail", "dns", "resolver")}
        self.targets = targets.of_lab1(lab.domain, seen, gateway="gateway" in lab.machines)
        self.images = {name: str(machine["image"]) for name, machine in lab.machines.items()}
        self.probe()
        lab.down()

    def labctl(self) -> float:
        """`labctl up`; the bench's prober confirms afterwards that all of it answers."""
        seconds = timed(self.lab.up)
        attempts, more = self.probe()
        late = [name for name, asked in attempts.items() if asked != 1]
        if late:
            self.unconfirmed += late
            seconds += more
        self.lab.down()
        return seconds

    def compose(self) -> float:
        """`docker compose up -d` of the rendered stack, then the bench's own prober."""
        shutil.copytree(self.copy, self.lab.state)
        stack = ("docker", "compose", "-p", self.lab.project)
        file = str(self.lab.state / "compose.yaml")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("COMPOSE_")}
        seconds = timed(lambda: run([*stack, "-f", file, "up", "-d"], environment=environment))
        seconds += timed(self.probe)
        run([*stack, "down", "--volumes"], environment=environment)
        shutil.rmtree(self.lab.state)
        return seconds

    def probe(self) -> tuple[Mapping[str, int], float]:
        """Ask every service from the client machine until all answer; attempts and seconds."""
        client = self.lab.container("client").id
        command = ["docker", "exec", "-i", client, "python3", "-", json.dumps(self.targets)]
        told = json.loads(run(command, stdin=PROBER.read_bytes()))
        silent = [name for name, asked in told["attempts"].items() if asked < 0]
        if silent:
            raise RuntimeError(f"no answer within a minute from {', '.join(silent)}")
        return told["attempts"], told["seconds"]

    @property
    def late(self) -> str:
        """Who did not answer at first asking after labctl said that all is up."""
        if not self.unconfirmed:
            return "; after `up` every service answered at first asking"
        return f"; not at first asking after `up`: {', '.join(sorted(set(self.unconfirmed)))}"
