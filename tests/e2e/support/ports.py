"""Ports of this host that nobody holds."""

from __future__ import annotations

import socket
from contextlib import closing

_given: set[int] = set()


def free_port() -> int:
    """A port that is free on 127.0.0.1 and ::1, for TCP and UDP, and was not given before."""
    while True:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port not in _given and _free(port):
            _given.add(port)
            return port


def _free(port: int) -> bool:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with closing(socket.socket(family, kind)) as probe:
                try:
                    probe.bind((address, port))
                except OSError:
                    return False
    return True
