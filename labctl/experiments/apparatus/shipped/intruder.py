"""Look around as whoever broke into a service: what of the others is there to be read?

Standard input is the work: ``files`` (others' files, each a path and the SHA-256 of what it
holds where it belongs, "" where any file there counts) and ``own`` (names of the broken
service's daemons). Out go the paths that could be read, and the commands of the processes in
sight that belong neither to the service nor to the machine's init.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

Seen = Mapping[int, tuple[int, str]]
INIT = ("s6-", "init")


def readable(path: str, digest: str) -> bool:
    """Whether a file is there, can be read, and is the one that is meant."""
    try:
        content = Path(path).read_bytes()
    except OSError:
        return False
    return not digest or hashlib.sha256(content).hexdigest() == digest


def processes() -> Seen:
    """Every process in sight: number → parent, command."""
    found = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            head, _, rest = (entry / "stat").read_text().rpartition(")")
        except OSError:
            continue
        found[int(entry.name)] = (int(rest.split()[1]), head.partition("(")[2])
    return found


def pid_of(daemon: str) -> int:
    """The first process of a daemon (s6-svstat); 0 where it does not run."""
    words = ["s6-svstat", "-o", "pid", f"/run/service/{daemon}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return int(done.stdout.strip() or 0) if done.returncode == 0 else 0


def above(process: int, seen: Seen) -> Iterator[int]:
    """A process and all that it comes from."""
    while process in seen:
        yield process
        process = seen[process][0]


def main() -> None:
    """Look around."""
    work = json.load(sys.stdin)
    own = {pid_of(name) for name in work["own"]} | {os.getpid()}
    seen = processes()
    others = [
        command
        for process, (_, command) in seen.items()
        if process != 1 and not command.startswith(INIT) and not own & set(above(process, seen))
    ]
    read = [path for path, digest in work["files"] if readable(path, digest)]
    json.dump({"files": read, "processes": others}, sys.stdout)


main()
