"""When somebody was last seen in each lab behind the edge: what idle limits go by.

Two sources. The edge's log has every request and every ended connection with its door. What is
open now (a WebSocket, a download) is in no log: the kernel lists the edge's connections, each
with the socket at which it was accepted, and the bastion's sessions say themselves where to.
"""

from __future__ import annotations

import contextlib
import json
import re
import stat
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from labctl import doors
from labctl.edge import NAME
from labctl.edge.lab import BASTION
from labctl.engines import api
from labctl.engines.compose import Engine
from labctl.engines.state import write_atomically
from labctl.kinds.bastion import SCRIPTS
from labctl.work import edge_home, execute

_SEEN = "seen.json"
_LINE = re.compile(r'(?P<time>\S+)Z \S+ "(?P<door>[a-z0-9.-]+)" ')
# ss(8): a connection has the path and the inode of the socket that it was made to
_OPEN = re.compile(rf" {re.escape(doors.INSIDE)}/\S+ .* ino:([0-9]+) ")
_SESSION = re.compile(rf"^ssh .*ProxyCommand={re.escape(SCRIPTS)}/door ([a-z0-9-]+) ", re.MULTILINE)


def activity() -> Mapping[str, float]:
    """When each lab behind the edge was last used, in seconds since 1970; those never seen apart.

    What the log said is kept, so that it may be dropped by the engine. A lab with an open
    connection is seen now.
    """
    now = time.time()
    engine = Engine()
    known = _kept()
    for line in _log(engine, known.pop("", 0.0)):
        if found := _LINE.match(line):
            lab = found["door"]
            known[lab] = max(known.get(lab, 0.0), _seconds(found["time"]))
    known |= dict.fromkeys(_open_labs(engine), now)
    _keep(known | {"": now})
    return known


def _log(engine: Engine, since: float) -> Iterator[str]:
    """What the edge has said since then, each line with its time; nothing where it is down."""
    container = execute.running(engine, edge_home.lab_name()).get(NAME)
    if container:
        # a line is written up to a second after what it tells of
        yield from api.said(container, max(0.0, since - 2))


def _seconds(stamp: str) -> float:
    """The engine's time (RFC 3339 with nanoseconds, UTC) in seconds since 1970."""
    return datetime.fromisoformat(stamp[:19] + "+00:00").timestamp()


def _open_labs(engine: Engine) -> Iterable[str]:
    """The labs with a connection at one of their sockets."""
    machines = execute.running(engine, edge_home.lab_name())
    if NAME in machines:
        said = api.exec_in(machines[NAME], ["ss", "-xeH", "state", "established"]).output
        inodes = {int(inode) for inode in _OPEN.findall(said)}
        yield from (lab for lab, inode in _sockets() if inode in inodes)
    if BASTION in machines:
        yield from _SESSION.findall(api.exec_in(machines[BASTION], ["ps", "-eo", "args="]).output)


def _sockets() -> Iterator[tuple[str, int]]:
    """The sockets of all fronts by lab: their inodes. A link of a student's counts as nothing."""
    for path in doors.home().glob("*/http*.sock"):
        with contextlib.suppress(OSError):
            seen = path.lstat()
            if stat.S_ISSOCK(seen.st_mode):
                yield path.parent.name, seen.st_ino


def _kept() -> dict[str, float]:
    """What was seen until the last time, and when that was (under "")."""
    try:
        found = json.loads((edge_home.home() / _SEEN).read_bytes())
        return {str(lab): float(seen) for lab, seen in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _keep(seen: Mapping[str, float]) -> None:
    if edge_home.home().is_dir():
        write_atomically(edge_home.home() / _SEEN, json.dumps(seen).encode())
