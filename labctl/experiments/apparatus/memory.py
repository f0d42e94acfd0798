"""Memory of a lab's processes, as the kernel shares it out among them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from labctl.engines import api

Processes = Mapping[str, tuple[int, ...]]  # numbers on the host, by machine
_PSS = re.compile(r"^(?:/proc/(\d+)/smaps_rollup:)?Pss:\s+(\d+) kB", re.MULTILINE)
_PARENT = re.compile(r"^PPid:\s+(\d+)", re.MULTILINE)


class Unreadable(Exception):
    """The memory of others' processes cannot be read here."""


def processes(containers: Mapping[str, str]) -> Processes:
    """The processes of each machine (Engine API: GET /containers/{id}/top)."""
    found = {}
    for name, container in containers.items():
        rows = json.loads(api.call("GET", f"/containers/{container}/top?ps_args=-eo%20pid"))
        found[name] = tuple(int(row[0]) for row in rows["Processes"])
    return found


def shares(containers: Mapping[str, str], known: Processes) -> dict[str, int]:
    """Bytes of PSS of all processes of each machine.

    Read by root of this host, else by a privileged command on each machine: other users'
    memory is nobody else's to read. Unreadable where neither may.
    """
    try:
        found = {name: sum(map(_pss, numbers)) for name, numbers in known.items()}
        if all(found.values()):
            return found
    except PermissionError:
        pass  # not root
    # or the engine's processes are not this host's, but those of a virtual machine
    return {name: _from_inside(container) for name, container in containers.items()}


def shims(containers: Mapping[str, str]) -> list[int] | None:
    """PSS of the engine's process above each machine's first; None where it cannot be read."""
    found: set[int] = set()
    try:
        for container in containers.values():
            first = api.inspected(container)["State"]["Pid"]
            status = Path(f"/proc/{first}/status").read_text()
            found.update(map(int, _PARENT.findall(status)))
        return [_pss(one) for one in sorted(found)]
    except OSError:
        return None


def _pss(process: int) -> int:
    """One process's share; 0 when it has ended meanwhile."""
    try:
        text = Path(f"/proc/{process}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return _total(_PSS.findall(text))


_READ = "echo $$; exec grep -H ^Pss: /proc/[0-9]*/smaps_rollup"


def _from_inside(container: str) -> int:
    finished = api.exec_in(container, ["sh", "-c", _READ], privileged=True)
    own, _, text = finished.output.partition("\n")
    found = [(process, size) for process, size in _PSS.findall(text) if process != own]
    if not found or "Permission denied" in text:
        raise Unreadable("reading other users' memory needs root on the host")
    return _total(found)


def _total(found: Iterable[tuple[str, str]]) -> int:
    return sum(int(size) for _, size in found) * 1024
