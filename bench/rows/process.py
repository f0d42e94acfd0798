"""How long labctl's own process takes: its help, and rendering."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from itertools import count
from pathlib import Path

from bench.measure import Row, Sample, at_most, interleaved, ratio, timed
from bench.workspace import LABCTL, ROOT, Workspace, run

SIZES = (1000, 2000, 4000)
LINEAR = 2.5


def rows(workspace: Workspace, rounds: int) -> Iterable[Row]:
    """`labctl --help`, `labctl render lab1`, and labs of many sites."""
    yield start(rounds)
    yield render(workspace, rounds)
    yield from many_sites(workspace, max(rounds - 2, 2))


def start(rounds: int) -> Row:
    """The console script beside a Python that does nothing."""

    def labctl() -> float:
        return timed(lambda: run([str(LABCTL), "--help"]))

    def python() -> float:
        return timed(lambda: run([sys.executable, "-c", "pass"]))

    ours, bare = interleaved(rounds * 5, [labctl, python])
    note = f"{ours.median * 1000:.0f} ms against {bare.median * 1000:.0f} ms"
    return at_most("`labctl --help` against `python -c pass`", ratio(ours, bare), 4, note=note)


def render(workspace: Workspace, rounds: int) -> Row:
    """The whole process, certificates kept as after the first time."""
    lab = ROOT / "stacks" / "lab1"
    numbers = count()

    def once() -> float:
        out = str(workspace.folder / f"render-{next(numbers)}")
        words = ("render", str(lab), "--name", "benchrender", "--out", out)
        return timed(lambda: workspace.labctl(*words))

    first = once()
    (sample,) = interleaved(rounds * 2, [once])
    note = f"the first time, with making CA, keys and certificates: {first:.2f} s"
    return at_most("`labctl render lab1`, whole process", sample, 0.5, "s", note)


def many_sites(workspace: Workspace, rounds: int) -> Iterable[Row]:
    """Labs of many sites with a certificate each: what a thousand cost, and how it grows."""
    labs = [ManySites(workspace, size) for size in SIZES]
    first = [lab.render() for lab in labs]
    samples = interleaved(rounds, [lab.render for lab in labs])
    note = f"the first time, with making 1,000 keys and certificates: {first[0]:.2f} s"
    what = "`labctl render` of 1,000 sites, a certificate each"
    yield at_most(what, samples[0], 4, "s", note)
    yield linear(labs, samples)


def linear(labs: list[ManySites], samples: list[Sample]) -> Row:
    """What 2,000 sites more cost over what 1,000 more cost: 2 when linear, 4 when quadratic.

    In processor time of the least disturbed rounds: a difference of two figures doubles what
    disturbs each.
    """
    small, middle, large = (min(lab.processor) for lab in labs)
    growth = (large - middle) / (middle - small)
    note = ", ".join(
        f"{size:,}: {sample.median:.2f} s" for size, sample in zip(SIZES, samples, strict=True)
    )
    what = "the same grows linearly: processor time of 2,000→4,000 sites over 1,000→2,000"
    return Row(what, "≤ 2.5", f"{growth:.2f}", growth <= LINEAR, note)


class ManySites:
    """A generated lab with one static service and many sites."""

    def __init__(self, workspace: Workspace, size: int) -> None:
        self.workspace = workspace
        self.name = f"bench{size}"
        self.folder = workspace.folder / self.name
        self.numbers = count()
        self.processor: list[float] = []
        write_many_sites(self.folder, self.name, size)

    def render(self) -> float:
        """Seconds of one whole process."""
        out = str(self.folder / f"out-{next(self.numbers)}")
        before = os.times()
        seconds = timed(lambda: self.workspace.labctl("render", str(self.folder), "--out", out))
        after = os.times()
        self.processor.append(
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )
        return seconds


def write_many_sites(folder: Path, name: str, size: int) -> None:
    """Write a lab file with ``size`` sites, and the one page that they show."""
    (folder / "www").mkdir(parents=True)
    (folder / "www" / "index.html").write_text("<!doctype html><title>one of many</title>\n")
    sites = "".join(f"  site{number}: www\n" for number in range(size))
    (folder / "lab.yml").write_text(f"lab: {name}\nservices:\n  www: static\nsites:\n{sites}")
