"""Services, their sites, and what must hold of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labctl.model.keeping import Want
from labctl.model.names import Record
from labctl.model.programs import Daemon, Extra, Template
from labctl.model.words import Http, Tls


@dataclass(frozen=True, slots=True)
class Route:
    """How a service answers HTTP.

    A service with ``locations`` is answered by nginx with that template of location blocks,
    on the front itself when placed there, else by an nginx on its own machine. Without, its
    own daemon speaks HTTP on ``port``.
    """

    port: int = 80
    locations: Template | None = None
    websocket: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """What must hold, asked of a real client (DESIGN decision 8).

    ``client`` names a module of ``labctl.checks``; ``ask`` and ``expect`` are its arguments.
    ``origin`` is the service, or the machine, from where it is asked. ``exercise`` is what it
    belongs to, ``lesson`` where that is taught. Checks that it ``needs`` must hold first. One
    that does not hold is asked again ``retries`` times; ``seconds`` bound each time.
    """

    name: str
    service: str
    client: str
    ask: Mapping[str, Any]
    expect: Mapping[str, Any]
    hint: str = ""
    points: int = 1
    origin: str = "client"
    exercise: str = ""
    needs: tuple[str, ...] = ()
    retries: int = 0
    seconds: float = 10
    lesson: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a machine may use: bytes of memory, CPUs, processes.

    ``disk`` are bytes for its data and ``bandwidth`` bits per second in each direction, 0 where
    nothing but the host bounds them.
    """

    memory: int = 256 * 2**20
    cpus: float = 1.0
    processes: int = 200
    disk: int = 0
    bandwidth: int = 0


@dataclass(frozen=True, slots=True)
class Flow:
    """A TCP connection that a service has to open: what a firewall between must let through.

    ``to`` is a service, or "" for servers on the Internet.
    """

    to: str
    port: int
    reason: str


@dataclass(frozen=True, slots=True)
class Expansion:
    """What a kind makes of one service, before it has a machine.

    ``ports`` are the service's listening ports by protocol name (shown to people, allowed in
    ``expose``). ``volumes`` are directories whose data outlives the machine. ``capabilities``
    are Linux capabilities without the ``CAP_`` prefix, ``sysctls`` settings of its machine's
    network (sysctl(8)). ``flows`` are connections that it opens to others; those of a front to
    the services of its sites are known without. ``extra`` is what its image has beside Debian
    packages, ``database`` the service that keeps a database for it (``labctl.databases``).
    """

    packages: frozenset[str] = frozenset()
    capabilities: frozenset[str] = frozenset()
    daemons: tuple[Daemon, ...] = ()
    route: Route | None = None
    ports: Mapping[str, int] = field(default_factory=dict)
    records: tuple[Record, ...] = ()
    checks: tuple[Check, ...] = ()
    accounts: tuple[Want, ...] = ()
    wants: tuple[Want, ...] = ()
    volumes: tuple[str, ...] = ()
    tmpfs: tuple[str, ...] = ()
    limits: Limits = Limits()
    host_name: str = ""
    published: bool = False
    sysctls: Mapping[str, str] = field(default_factory=dict)
    flows: tuple[Flow, ...] = ()
    extra: Extra = Extra()
    database: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """One server program of the lab: its kind, its options and what the kind made of them."""

    name: str
    kind: str
    machine: str
    options: Any
    expansion: Expansion = Expansion()
    source: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """A host name that the front sends to a service.

    ``names`` are all of its host names, the first one canonical: below the lab's domain, and
    below ``<lab>.localhost`` for use on the host. One that is ``inside`` exists only within a
    company's network. ``replicas`` servers are to answer it, where the platform has several.
    ``front`` is the service that owns its virtual host.
    """

    name: str
    service: str
    names: tuple[str, ...]
    tls: Tls = "ca"
    http: Http = "redirect"
    config: bytes = b""
    config_source: str = ""
    source: str = ""
    inside: bool = False
    replicas: int = 1
    front: str = "front"

    @property
    def certificate(self) -> str:
        """The name of this site's certificate among the kept things."""
        return f"site/{self.name}"

    @property
    def host(self) -> str:
        """The site's canonical host name."""
        return self.names[0]
