"""On which TCP ports machines listen, as their kernel tells it."""

from __future__ import annotations

from collections.abc import Iterable

from labctl.experiments.apparatus.bench import Bench
from labctl.model import Machine
from labctl.parallel import each

_LISTEN = "0A"  # TCP_LISTEN of the kernel's net/tcp_states.h
_FILES = ("/proc/net/tcp", "/proc/net/tcp6")


def ports(bench: Bench, machines: Iterable[Machine]) -> frozenset[int]:
    """Every port that one of these machines listens on for others."""

    def one(machine: Machine) -> frozenset[int]:
        # a kernel without IPv6 has no second file: what is there counts
        return listening(bench.exec(machine.name, ["cat", *_FILES]).output)

    return frozenset().union(*each(one, machines))


def listening(text: str) -> frozenset[int]:
    """The ports in /proc/net/tcp and tcp6 (proc_net_tcp(5)) that are open to others."""
    rows = (line.split() for line in text.splitlines())
    ends = (row[1] for row in rows if len(row) > 3 and row[3] == _LISTEN)
    pairs = (end.split(":") for end in ends)
    return frozenset(int(port, 16) for address, port in pairs if not _loopback(address))


def _loopback(address: str) -> bool:
    """Whether an address in host byte order (little-endian words) is 127.0.0.0/8 or ::1."""
    if len(address) == 8:
        return address[6:] == "7F"
    return address == "0" * 24 + "01000000" or (
        address.startswith("0" * 16 + "FFFF0000") and address.endswith("7F")
    )
