"""Machines and what they stand on: networks, volumes, ports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from labctl.model.keeping import Want
from labctl.model.programs import Daemon, Extra
from labctl.model.services import Limits
from labctl.model.words import Isolation


@dataclass(frozen=True, slots=True)
class Network:
    """One segment with its IPv4 subnet in CIDR form.

    ``gateway`` is the address that leads out of it, "" where none does. The host has an address
    on a segment only where the segment is ``reachable``: published ports need one. The
    addresses of a ``private`` one mean nothing outside of the company that it belongs to.
    """

    name: str
    subnet: str
    gateway: str = ""
    reachable: bool = True
    private: bool = False


@dataclass(frozen=True, slots=True)
class Volume:
    """A directory of a machine whose data outlives it, whichever machine that is.

    ``size`` are the bytes that it holds at most, 0 where only the host's disk bounds it.
    """

    name: str
    path: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory of the host, by its absolute path, that a machine sees at ``path``."""

    source: str
    path: str
    writable: bool = False


@dataclass(frozen=True, slots=True)
class Port:
    """A machine's port published on the host's loopback (or everywhere when public)."""

    host: int
    container: int
    transport: Literal["tcp", "udp"] = "tcp"


@dataclass(frozen=True, slots=True)
class ExposedPort:
    """A service's port that the lab file publishes on the host."""

    service: str
    port: int
    host: int


@dataclass(frozen=True, slots=True)
class Machine:
    """What a learner logs in to. ``addresses`` maps a network's name to an IPv4 address.

    ``resolver`` is the service that it asks for names. ``public`` is the address under which
    the Internet knows it, where that is another machine's: its gateway's. Of machines that run
    the same, each is another ``replica``: they are changed one after the other.

    The memory and processors of a ``hot`` one are changed while it runs, any other has to be
    switched off. ``isolation`` keeps it apart from its neighbours. ``image`` replaces the one
    that is made of its packages: a snapshot that it was restored from. ``wants`` are kept for
    the machine itself, whichever services it runs.

    The root of a ``sealed`` one is read-only: it writes to its volumes only. One that is
    ``visiting`` is there only while somebody asks it something. ``weight`` is its share of
    processors that are short, against 1024 of any other, ``log`` the bytes of its log at most.
    One ``on_host`` has the host's network instead of addresses. ``hosts`` are names that it
    knows without asking its resolver, each with its address. ``further`` are more addresses on
    its first network, link-local ones (RFC 3927), by the site that each is for; "" where it is for
    reaching those of others. ``environment`` are variables of all programs
    there, ``extra`` is what its image has beside its packages.
    """

    name: str
    services: tuple[str, ...]
    packages: frozenset[str]
    capabilities: frozenset[str]
    addresses: Mapping[str, str]
    host_name: str
    limits: Limits = Limits()
    volumes: tuple[Volume, ...] = ()
    tmpfs: tuple[str, ...] = ()
    ports: tuple[Port, ...] = ()
    daemons: tuple[Daemon, ...] = ()
    resolver: str = "resolver"
    replica: int = 1
    public: str = ""
    sysctls: Mapping[str, str] = field(default_factory=dict)
    hot: bool = False
    isolation: Isolation = "runc"
    image: str = ""
    wants: tuple[Want, ...] = ()
    mounts: tuple[Mount, ...] = ()
    sealed: bool = False
    visiting: bool = False
    weight: int = 1024
    log: int = 20 * 2**20
    on_host: bool = False
    hosts: Mapping[str, str] = field(default_factory=dict)
    further: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    extra: Extra = Extra()

    @property
    def address(self) -> str:
        """The machine's first address."""
        return next(iter(self.addresses.values()))


@dataclass(frozen=True, slots=True)
class Publishing:
    """Where the lab meets its host: the ports of HTTP and HTTPS, on loopback or everywhere.

    ``ipv6`` says that the host has ::1, where ports are published as well.
    """

    http: int = 80
    https: int = 443
    public: bool = False
    ipv6: bool = True
