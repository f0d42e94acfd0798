"""Services, their sites, and what must hold of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from labctl.model.keeping import Want
from labctl.model.names import Record
from labctl.model.programs import Daemon, Extra, Template
from labctl.model.words import Http, Server, Tls


@dataclass(frozen=True, slots=True)
class Route:
    """How a service answers HTTP.

    A service with ``locations`` is answered by the web server ``server`` with that template, in
    its language: nginx's location blocks, or what stands in a virtual host of Apache's. That is
    the front itself when the service is placed there, else one on its own machine. There it also
    finds ``who``: what a program is told of who asks, in nginx's words, or "" where the front has
    told it already or nobody is asked. Without, its own daemon speaks HTTP on ``port``; one that
    ``lets_go`` closes, when it reloads, connections whose request it has not read.
    """

    port: int = 80
    locations: Template | None = None
    server: Server = "nginx"
    websocket: bool = False
    lets_go: bool = False


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
    the services of its sites are known without. ``environment`` is that of all programs on its
    machine, also of those that people start there. ``extra`` is what its image has beside Debian
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
    environment: Mapping[str, str] = field(default_factory=dict)
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
    ``front`` is the service that owns its virtual host. The names of one that is another
    ``party``'s are below that one's domains (``labctl.model.names``). Where it is to ``inspect``,
    its requests are recorded (``labctl.inspecting``). Where it has ``clients``, only these people
    get in, by a certificate. ``health`` is the path that is answered well once its service works.

    Sites share their front's address and its ports 80 and 443: there the name decides. One with
    a ``port`` answers at that one only, one with an ``own_address`` at that one only, and both
    whatever the name.
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
    port: int = 0
    own_address: bool = False
    party: str = ""
    inspect: bool = False
    clients: tuple[str, ...] = ()
    health: str = "/"

    @property
    def open(self) -> bool:
        """Whether whoever trusts the lab's authority, and shows nothing, gets in."""
        return self.tls != "self-signed" and not self.clients

    @property
    def plain(self) -> int:
        """The port at which it speaks HTTP; 0 where it does nowhere."""
        return (self.port or 80) if self.tls == "none" or not self.port else 0

    @property
    def secure(self) -> int:
        """The port at which it speaks HTTPS; 0 where it does nowhere."""
        return 0 if self.tls == "none" else self.port or 443

    @property
    def alone(self) -> bool:
        """Whether no other site answers at its address and port."""
        return bool(self.port or self.own_address)

    def url(self, scheme: str = "", path: str = "/") -> str:
        """A URL of it (RFC 3986), by HTTPS where it has that and nothing else is said."""
        scheme = scheme or ("https" if self.secure else "http")
        return f"{scheme}://{self.host}{f':{self.port}' if self.port else ''}{path}"

    @property
    def certificate(self) -> str:
        """The name of this site's certificate among the kept things."""
        return f"site/{self.name}"

    @property
    def host(self) -> str:
        """The site's canonical host name."""
        return self.names[0]
