"""``python -m bench``: measure, and write RESULTS.md."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bench import generator, host
from bench.load_lab import LoadLab
from bench.measure import Row
from bench.rows import (
    bringing,
    changing,
    course,
    edge,
    footprint,
    platforms,
    process,
    sandboxes,
    serving,
)
from bench.workspace import LABCTL, Workspace

RESULTS = Path(__file__).parent / "RESULTS.md"
HEADER = "| what | bar | measured | verdict | more |\n|---|---|---|---|---|"
Measuring = Callable[[Workspace, int], Iterable[Row]]


def lab1_rows(workspace: Workspace, rounds: int) -> Iterator[Row]:
    """Bringing lab1 up, and what it takes while it is up."""
    lab = workspace.lab("bench1", workspace.lab1())
    yield from bringing.rows(lab, rounds)
    yield from footprint.rows(lab)
    lab.down()


def load_rows(workspace: Workspace, rounds: int) -> Iterator[Row]:
    """A lab under load."""
    generator.build(workspace)
    load = LoadLab(workspace)
    load.lab.up()
    yield from changing.rows(load, rounds)
    yield from serving.rows(load, max(rounds - 2, 1))
    load.lab.down()


SUBJECTS: dict[str, Measuring] = {
    "process": process.rows,
    "lab1": lab1_rows,
    "load": load_rows,
    "platforms": platforms.rows,
    "sandboxes": sandboxes.rows,
    "edge": edge.rows,
    "course": course.rows,
}


def main() -> int:
    """Measure what is asked for; 0 when every bar holds, 1 when one does not."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often (%(default)s)")
    parser.add_argument("--only", choices=SUBJECTS, help="only this; RESULTS.md is not written")
    options = parser.parse_args()
    if not LABCTL.exists():
        print(f"there is no {LABCTL}: `make bench` sets it up", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # what is compiled once is not measured
    start, machine = time.monotonic(), list(host.lines())
    subjects = [options.only] if options.only else list(SUBJECTS)
    rows = measure(subjects, options.rounds)
    if not options.only:
        write(rows, machine, time.monotonic() - start)
    return 0  # a bar that is missed is a result, and stands in the table


def measure(subjects: Iterable[str], rounds: int) -> list[Row]:
    """All rows of some subjects, each printed as soon as it is there."""
    rows = []
    with Workspace() as workspace:
        for subject in subjects:
            for row in SUBJECTS[subject](workspace, rounds):
                print(f"{row.what}: {row.figure}; bar {row.bar}: {row.verdict}; {row.note}")
                sys.stdout.flush()
                rows.append(row)
    return rows


def write(rows: Iterable[Row], machine: Iterable[str], seconds: float) -> None:
    """Write RESULTS.md."""
    table = [
        f"| {row.what} | {row.bar} | {row.figure} | {row.verdict} | {row.note} |" for row in rows
    ]
    how = (
        f"Written by `make bench` in {seconds / 60:.0f} minutes; README.md says what is measured "
        "and how. Figures are medians (lowest–highest, n rounds); a ratio is of two things that "
        "ran in turn, in the same run, round by round."
    )
    text = [
        "# Results",
        "",
        how,
        "",
        *machine,
        "",
        HEADER,
        *table,
        "",
    ]
    RESULTS.write_text("\n".join(text))


if __name__ == "__main__":
    sys.exit(main())
