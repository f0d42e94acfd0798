"""Ports of this host that nobody holds."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from contextlib import closing

# Below those that the kernel gives to whoever asks for any (ip(7), ip_local_port_range), and not
# those of another worker of the same run: a port is taken a while after it was found free.
_FIRST, _EACH = 20_000, 3_000
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def _shuffled() -> Iterator[int]:
    start = _FIRST + _WORKER * _EACH
    yield from random.sample(range(start, start + _EACH), _EACH)


_ports = _shuffled()


def free_port() -> int:
    """A port that is free on 127.0.0.1 and ::1, for TCP and UDP, and was not given before."""
    return next(filter(_free, _ports))


def _free(port: int) -> bool:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with closing(socket.socket(family, kind)) as probe:
                try:
                    probe.bind((address, port))
                except OSError:
                    return False
    return True
