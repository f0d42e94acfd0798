"""Who holds a TCP port of this host: a lab, another container, or a program."""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROC = Path("/proc")
_LISTEN = "0A"
_LAB = "hosting-labctl.lab"


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket."""

    address: str
    port: int
    inode: str


def parse(table: str) -> Iterator[Listener]:
    """The listening sockets of ``/proc/net/tcp`` or ``tcp6`` (proc_net_tcp in the kernel)."""
    for line in table.splitlines()[1:]:
        columns = line.split()
        if len(columns) > 9 and columns[3] == _LISTEN:
            address, _, port = columns[1].rpartition(":")
            yield Listener(_address(address), int(port, 16), columns[9])


def _address(text: str) -> str:
    """An address as the kernel prints it: 32-bit words in the host's byte order."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(words) == 1 else socket.AF_INET6, packed)


def listeners(proc: Path = PROC) -> tuple[Listener, ...]:
    """All listening TCP sockets of this host."""
    tables = (proc / "net" / name for name in ("tcp", "tcp6"))
    return tuple(found for table in tables if table.exists() for found in parse(table.read_text()))


def in_the_way(found: Iterable[Listener], port: int, address: str = "") -> tuple[Listener, ...]:
    """Those that keep a lab from listening at ``port`` of an address, or of loopback (both)."""
    there = (listener for listener in found if listener.port == port)
    return tuple(listener for listener in there if _blocks(listener, address))


def _blocks(listener: Listener, wanted: str) -> bool:
    address = ipaddress.ip_address(listener.address)
    same = address == ipaddress.ip_address(wanted) if wanted else address.is_loopback
    return same or address.is_unspecified


def program(inode: str, proc: Path = PROC) -> str:
    """Name and number of the process with this socket; empty where we may not look."""
    wanted = f"socket:[{inode}]"
    for process in proc.iterdir():
        if process.name.isdecimal() and wanted in _open_files(process):
            return f"{_command(process)} (process {process.name})"
    return ""


def _command(process: Path) -> str:
    try:
        return (process / "comm").read_text(errors="replace").strip()
    except OSError:
        return "a program that has just ended"


def _open_files(process: Path) -> set[str]:
    found = set()
    try:
        for descriptor in (process / "fd").iterdir():
            found.add(str(descriptor.readlink()))
    except OSError:
        return found
    return found


def container(port: int, containers: Iterable[Mapping[str, Any]]) -> str:
    """The lab, or the container of somebody else, that publishes a port; empty for neither.

    ``containers`` are as the engine lists them (Engine API: GET /containers/json).
    """
    for item in containers:
        if any(p.get("PublicPort") == port and p.get("Type") == "tcp" for p in item["Ports"]):
            lab = (item.get("Labels") or {}).get(_LAB)
            return f"lab {lab}" if lab else f"container {item['Names'][0].lstrip('/')}"
    return ""


def holder(
    port: int,
    containers: Iterable[Mapping[str, Any]],
    found: Iterable[Listener] | None = None,
    address: str = "",
) -> str:
    """Who keeps a lab from taking ``port`` of an address, in words; empty when it is free.

    Without an address, of loopback.
    """
    taken = in_the_way(listeners() if found is None else found, port, address)
    published = container(port, containers)
    if published or not taken:
        return published
    named = (program(listener.inode) for listener in taken)
    return next(filter(None, named), "a program of another user")
