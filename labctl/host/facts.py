"""Looks at the host for `labctl.host.doctor`. Reads only, changes nothing."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labctl import doors
from labctl.engines import EngineUnreachable, base_image, connect, images
from labctl.engines.dockerfile import base_reference, own_recipe
from labctl.host import holders
from labctl.host.addresses import has_ipv6_loopback
from labctl.host.doctor import Facts, Route
from labctl.setup.host import output

if TYPE_CHECKING:
    import docker

PROC = Path("/proc")
PROGRAMS = ("certutil", "mmdebstrap")
NAME = "doctor.lab.localhost"
# Capability numbers (linux/capability.h) of those that any lab's machine may want.
CAPABILITY_NUMBERS = {
    "CHOWN": 0,
    "DAC_OVERRIDE": 1,
    "DAC_READ_SEARCH": 2,
    "FOWNER": 3,
    "FSETID": 4,
    "KILL": 5,
    "SETGID": 6,
    "SETUID": 7,
    "SETPCAP": 8,
    "NET_BIND_SERVICE": 10,
    "NET_ADMIN": 12,
    "NET_RAW": 13,
    "SYS_CHROOT": 18,
    "SYS_ADMIN": 21,
    "SYS_RESOURCE": 24,
    "AUDIT_WRITE": 29,
    "SETFCAP": 31,
}


def observe(ports: Iterable[int] = (80, 443)) -> Facts:
    """Look at the engine and the host; ``ports`` are those that a lab would take."""
    try:
        client: docker.DockerClient | None = connect(timeout=20)
        trouble = ""
    except EngineUnreachable as problem:
        client, trouble = None, problem.message.partition(": ")[2]
    info: Mapping[str, Any] = client.info() if client else {}
    containers = client.api.containers() if client else []
    networks = client.api.networks() if client else []
    seen = holders.listeners()
    place = doors.home()
    return Facts(
        engine=str(info.get("ServerVersion", "")),
        trouble=trouble,
        info=info,
        compose=output("docker", "compose", "version", "--short") or "",
        bounding=bounding_set(_engine_status()),
        holders={port: holders.holder(port, containers, seen) for port in ports},
        ipv6_loopback=has_ipv6_loopback(),
        routes=tuple(routes_of_others(_read(PROC / "net" / "route"), networks)),
        disk=free_disk(str(info.get("DockerRootDir", ""))),
        memory=available_memory(_read(PROC / "meminfo")),
        doors_on_disk="" if in_memory(place, _read(PROC / "mounts")) else str(place),
        resolves_localhost=_resolves(NAME),
        programs=frozenset(name for name in PROGRAMS if shutil.which(name)),
        mirror=_mirror(),
        base_built=client is not None and _base_built(client),
    )


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _engine_status() -> str:
    """``/proc/PID/status`` of the engine, of ourselves where it is elsewhere."""
    for process in PROC.iterdir():
        if process.name.isdecimal() and _read(process / "comm").strip() == "dockerd":
            return _read(process / "status")
    return _read(PROC / "self" / "status")


def bounding_set(status: str) -> frozenset[str]:
    """The capabilities in the line ``CapBnd`` of proc_pid_status(5)."""
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    bits = int(fields.get("CapBnd", "0").strip(), 16)
    return frozenset(name for name, number in CAPABILITY_NUMBERS.items() if bits >> number & 1)


def routes_of_others(table: str, networks: Iterable[Mapping[str, Any]]) -> Iterator[Route]:
    """The routes of ``/proc/net/route`` that are not a lab's network, each with its holder."""
    bridges = {_bridge(network): network for network in networks}
    for line in table.splitlines()[1:]:
        interface, destination, _, _, _, _, _, mask, *_ = line.split()
        network = bridges.get(interface)
        if network is not None and "hosting-labctl.lab" in (network["Labels"] or {}):
            continue
        subnet = ipaddress.IPv4Network(f"{_dotted(destination)}/{_dotted(mask)}")
        holder = f"the engine's network {network['Name']}" if network else f"interface {interface}"
        yield Route(str(subnet), holder)


def _bridge(network: Mapping[str, Any]) -> str:
    """The host's interface of an engine's bridge network."""
    named = (network.get("Options") or {}).get("com.docker.network.bridge.name")
    return str(named or f"br-{network['Id'][:12]}")


def _dotted(word: str) -> str:
    return socket.inet_ntoa(struct.pack("=I", int(word, 16)))


def free_disk(place: str) -> int | None:
    """Free bytes where the engine keeps images; None where that is on another machine."""
    above = (Path(place), *Path(place).parents) if place else ()
    there = next((path for path in above if os.access(path, os.F_OK)), None)
    return shutil.disk_usage(there).free if there else None


def in_memory(place: Path, mounts: str) -> bool:
    """Whether a directory is, or would be made, on a tmpfs (proc(5): /proc/mounts)."""
    kinds = {line.split()[1]: line.split()[2] for line in mounts.splitlines()}
    return next(kinds[str(p)] for p in (place, *place.parents) if str(p) in kinds) == "tmpfs"


def available_memory(meminfo: str) -> int | None:
    """Bytes that programs can get without others' being swapped out (proc_meminfo(5))."""
    for line in meminfo.splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _resolves(name: str) -> bool:
    """Whether this host's C library takes a name below localhost for loopback (RFC 6761)."""
    try:
        found = {str(entry[4][0]) for entry in socket.getaddrinfo(name, 80)}
    except OSError:
        return False
    return found <= {"127.0.0.1", "::1"}


def _mirror() -> str:
    try:
        return base_image.find_mirror().main
    except base_image.NoMirror:
        return ""


def _base_built(client: docker.DockerClient) -> bool:
    wanted = base_reference(own_recipe())
    return any(image.reference == wanted for image in images.list_images(client))
