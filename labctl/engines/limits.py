"""What the engine holds a container to, and changing that while it runs.

Memory, processors and processes are the engine's own; bandwidth is set by a helper and gone
with the container's network, so a note says for which start of which container it was set.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from labctl.amounts import size
from labctl.engines import api
from labctl.engines.state import write_atomically
from labctl.errors import LabctlError
from labctl.model import Limits

_NANO = 10**9


@dataclass(frozen=True, slots=True)
class Note:
    """What labctl did to a container after it was made.

    ``started`` is the start for which its bandwidth was set, ``disk`` the bytes of its volumes.
    """

    container: str
    started: str = ""
    bandwidth: int = 0
    disk: int = 0


@dataclass(slots=True)
class Notes:
    """The notes of a lab by machine, in its state directory."""

    path: Path
    by_machine: dict[str, Note] = field(default_factory=dict)

    def write(self, machine: str, note: Note) -> None:
        """Remember what was done to a machine's container."""
        self.by_machine[machine] = note
        text = json.dumps({name: asdict(one) for name, one in self.by_machine.items()})
        write_atomically(self.path, text.encode())

    def of(self, machine: str, container: str) -> Note | None:
        """The note on a machine, if it is about this container."""
        found = self.by_machine.get(machine)
        return found if found and found.container == container else None


def read_notes(directory: Path) -> Notes:
    """The notes in a state directory; none where nothing can be read."""
    notes = Notes(directory / "limits.json")
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
        found = json.loads(notes.path.read_bytes())
        notes.by_machine.update({name: Note(**one) for name, one in found.items()})
    return notes


def of(container: str, note: Note | None) -> Limits:
    """The limits that hold for a container now."""
    found = api.inspected(container)
    host = found["HostConfig"]
    limits = Limits(
        memory=host["Memory"], cpus=host["NanoCpus"] / _NANO, processes=host["PidsLimit"] or 0
    )
    if note is None:
        return limits
    bandwidth = note.bandwidth if note.started == found["State"]["StartedAt"] else 0
    return replace(limits, disk=note.disk, bandwidth=bandwidth)


def update(name: str, container: str, wanted: Limits) -> None:
    """Change memory, processors and processes of a container, running or not.

    (POST /containers/{id}/update.) LabctlError where it uses more memory than it would have.
    """
    used = in_use(container)
    if used > wanted.memory:
        raise _too_small(name, f"{size(used)} of its memory are in use", wanted)
    body = {
        "Memory": wanted.memory,
        "MemorySwap": wanted.memory,
        "NanoCpus": round(wanted.cpus * _NANO),
        "PidsLimit": wanted.processes,
    }
    try:
        api.call("POST", f"/containers/{container}/update", body)
    except api.ApiError as error:
        raise _too_small(name, f"the engine refuses: {error.message}", wanted) from None


def _too_small(name: str, why: str, wanted: Limits) -> LabctlError:
    return LabctlError(
        f"{name} cannot be resized to {size(wanted.memory)}: {why}",
        f"stop what needs it on {name} first, or give it more",
    )


def in_use(container: str) -> int:
    """Bytes of memory that cannot be taken back: without the page cache; 0 where it is stopped."""
    return memory_used(stats(container))


def stats(container: str) -> Mapping[str, Any]:
    """The engine's counters of a container (GET /containers/{id}/stats)."""
    query = "stream=false&one-shot=true"
    found: dict[str, Any] = json.loads(api.call("GET", f"/containers/{container}/stats?{query}"))
    return found


def memory_used(counters: Mapping[str, Any]) -> int:
    """Bytes in use but for files that are only cached (control groups version 1 and 2)."""
    memory = counters.get("memory_stats") or {}
    parts = memory.get("stats") or {}
    kinds = ("total_active_file", "total_inactive_file") if "total_rss" in parts else (
        "active_file", "inactive_file",
    )  # fmt: skip
    return max(0, int(memory.get("usage", 0)) - sum(int(parts.get(kind, 0)) for kind in kinds))
