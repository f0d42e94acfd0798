"""What lab1 takes: memory while it runs, and its images on disk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.measure import Row, missing
from bench.workspace import BenchLab, Workspace

MEMORY_BAR = 160  # MB
DISK_BAR = 700  # MB
MB = 10**6
MEMORY = "memory of lab1, all containers but the client's (PSS)"
_PSS = re.compile(r"^Pss:\s+(\d+) kB", re.MULTILINE)


def rows(lab: BenchLab) -> Iterable[Row]:
    """The rows about ``lab``, a lab1 that is up."""
    yield memory(lab)
    yield disk(lab)


def memory(lab: BenchLab) -> Row:
    """PSS once all is up, and again after every check has asked every service something."""
    try:
        idle = shares(lab)
        lab.workspace.labctl("check", lab.name, check=False)
        used = shares(lab)
    except PermissionError:
        return missing(MEMORY, f"≤ {MEMORY_BAR} MB", "reading other users' smaps_rollup needs root")
    client = used.pop("client"), idle.pop("client")
    each = ", ".join(f"{name} {size / MB:.0f}" for name, size in sorted(used.items()))
    total, before = sum(used.values()) / MB, sum(idle.values()) / MB
    figure = f"{total:.0f} MB after `labctl check`, {before:.0f} MB before"
    note = f"after: {each} MB; left out: client {client[0] / MB:.0f} MB"
    return Row(MEMORY, f"≤ {MEMORY_BAR} MB", figure, total <= MEMORY_BAR, note)


def shares(lab: BenchLab) -> dict[str, int]:
    """Bytes of PSS (proc_pid_smaps(5)) of all processes of each machine, its init too."""
    found = {}
    for name in lab.machines:
        top = lab.container(name).top(ps_args="-eo pid")
        found[name] = sum(pss(int(row[0])) for row in top["Processes"])
    return found


def pss(process: int) -> int:
    """A process's proportional share of memory in bytes; 0 when it has ended meanwhile."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    found = _PSS.search(text)
    return int(found[1]) * 1024 if found else 0


def disk(lab: BenchLab) -> Row:
    """The layers of all machines' images, each counted once."""
    images = {str(lab.container(name).attrs["Config"]["Image"]) for name in lab.machines}
    layers: dict[tuple[str, ...], int] = {}
    for image in images:
        layers |= chain(lab.workspace.client.images.get(image).history())
    total = sum(layers.values()) / MB
    each = ", ".join(f"{size:.0f}" for size in sorted(_sizes(lab.workspace, images), reverse=True))
    return Row(
        "images of lab1 together on disk, shared layers once",
        f"≤ {DISK_BAR} MB",
        f"{total:.0f} MB in {len(images)} images",
        total <= DISK_BAR,
        f"each with what it shares: {each} MB",
    )


def chain(history: list[Mapping[str, Any]]) -> dict[tuple[str, ...], int]:
    """The size of each layer under the steps that led to it: a shared layer has the same."""
    found: dict[tuple[str, ...], int] = {}
    steps: tuple[str, ...] = ()
    for step in reversed(history):
        steps = (*steps, f"{step['Created']} {step['CreatedBy']} {step['Size']}")
        found[steps] = int(step["Size"])
    return found


def _sizes(workspace: Workspace, images: Iterable[str]) -> list[float]:
    return [workspace.client.images.get(image).attrs["Size"] / MB for image in images]
