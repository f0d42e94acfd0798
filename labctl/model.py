"""The vocabulary of a lab, as frozen values (docs/design: "Words").

Nothing here reads a file, a clock or an engine. A kind yields these values, a platform
places them, ``labctl.render`` turns them into files.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

Tls = Literal["ca", "self-signed", "none"]
Http = Literal["redirect", "serve", "refuse"]
PlatformName = Literal["bare-metal", "vps", "on-premise"]
Isolation = Literal["runc", "runsc", "kata", "sysbox"]
Outgoing = Literal["translated", "proxy"]
Tier = Literal["outside", "public", "inside"]


@dataclass(frozen=True, slots=True)
class Probe:
    """How a daemon shows, in its own protocol, that it answers.

    ``address`` is a port number, or the path of a unix socket. ``send`` is written after
    connecting, and the answer must match the regular expression ``expect``.
    """

    address: int | str
    expect: str
    send: bytes = b""
    transport: Literal["tcp", "udp", "tls"] = "tcp"


@dataclass(frozen=True, slots=True)
class Daemon:
    """A program that the machine's init keeps running.

    ``prepare`` are commands run before each start. A changed file below one of ``watches``
    is first shown to ``test`` (empty: no test), then made live by ``reload``; an empty
    ``reload``, or a file below ``restarts``, means a restart. One that runs ``on_demand`` is
    started by the first request to its service, and stopped when nobody has asked for a while.
    """

    name: str
    run: tuple[str, ...]
    user: str = "root"
    prepare: tuple[tuple[str, ...], ...] = ()
    test: tuple[str, ...] = ()
    reload: tuple[str, ...] = ()
    watches: tuple[str, ...] = ()
    restarts: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/"
    stop_signal: Literal["TERM", "QUIT", "KILL"] = "TERM"
    ready: Probe | None = None
    on_demand: bool = False


@dataclass(frozen=True, slots=True)
class Template:
    """A file's text as a Jinja template below ``templates/`` and the names it may use."""

    name: str
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class File:
    """One file of a machine: absolute path, content, owner and where it comes from.

    ``source`` is what a person would edit to change it: ``stacks/lab1/lab.yml:12`` or the
    path of a content file; it is shown with a daemon's complaint about this file.
    """

    path: str
    content: bytes | Template
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    source: str = ""


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
class AddressOf:
    """The address of the machine that runs a service, known after placing."""

    service: str


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Text that publishes a kept key: ``{}`` in it stands for the key's public half."""

    key: str
    text: str


HOSTS = "hosts"  # machines have their names below it: <machine>.hosts.<domain>


@dataclass(frozen=True, slots=True)
class Record:
    """One DNS resource record (RFC 1035 section 3.2.1) of the lab's domain.

    ``name`` is relative to the domain, ``@`` the domain itself. ``value`` is the RDATA in
    presentation form, or the address of a service, or text with a kept public key. TXT values
    are plain text, quoted when the zone is rendered.
    """

    name: str
    type: str
    value: str | AddressOf | PublicKey
    ttl: int = 300


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


WantKind = Literal["certificate", "ec-key", "rsa-key", "ssh-key", "password", "token"]


@dataclass(frozen=True, slots=True)
class Want:
    """Something secret or long-lived that rendering needs as an input (``labctl.keep``).

    ``name`` is unique in the lab; ``names`` are a certificate's host names, ``issuer`` who
    signs it.
    """

    kind: WantKind
    name: str
    names: tuple[str, ...] = ()
    issuer: Literal["ca", "self"] = "ca"


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate with its chain, and its key, both PEM."""

    chain: str
    key: str


@dataclass(frozen=True, slots=True)
class Key:
    """A key pair: PKCS #8 PEM, and raw parts as base64.

    For ``ec-key`` (P-256) ``private`` is the 32-byte scalar and ``public`` X || Y, as DNSSEC
    writes them (RFC 6605 section 4); for ``rsa-key`` ``public`` is the DER
    SubjectPublicKeyInfo, as DKIM publishes it (RFC 6376 section 3.6.1), ``private`` empty. An
    ``ssh-key`` (Ed25519) has its PEM in OpenSSH's own form, and as ``public`` the base64 of a
    line of ``authorized_keys`` (RFC 8709 section 4).
    """

    pem: str
    public: str
    private: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a lab keeps over ``down``: certificates, keys, secrets, by the name of their want.

    ``root`` is the lab's root certificate in PEM. ``serial`` is the zones' SOA serial, larger
    whenever a record of the lab has changed (RFC 1912 section 2.2).
    """

    root: str
    certificates: Mapping[str, Leaf] = field(default_factory=dict)
    keys: Mapping[str, Key] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    serial: int = 1


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
    the services of its sites are known without.
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
class Seat:
    """A student's place in a class: what makes a lab their sandbox.

    ``id`` is the student's, ``domain`` the class's. ``door`` is the host's directory where the
    sandbox's fronts and SSH servers have the unix sockets at which the edge finds them. ``own``
    are services that it has although the lab shares them. ``hub`` is the host's directory with
    this seat's sockets of what the class shares. ``turn`` is how many people had the id before.
    """

    group: str
    id: str
    domain: str
    door: str = ""
    own: tuple[str, ...] = ()
    hub: str = ""
    turn: int = 0

    @property
    def lab(self) -> str:
        """The sandbox's name as a lab."""
        return f"{self.group}-{self.id}"


@dataclass(frozen=True, slots=True)
class Group:
    """A class, as its own lab knows it.

    ``students`` are ids, each with a number that no other has. ``own`` are services that each
    student has although the lab shares them.
    """

    name: str
    domain: str
    students: Mapping[str, int]
    own: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Offer:
    """A service that a class shares, as a sandbox reaches it.

    It is called ``host`` and listens on ``ports`` (TCP, by protocol name). ``account`` is the
    student's own there, if any, ``packages`` are programs by which people use it.
    """

    service: str
    host: str
    ports: Mapping[str, int]
    account: Want | None = None
    packages: frozenset[str] = frozenset()


def local_domain(lab: str, seat: Seat | None) -> str:
    """The domain of a lab's names for use on the host: below localhost (RFC 6761 section 6.3)."""
    return f"{seat.id}.{seat.group}.localhost" if seat else f"{lab}.localhost"


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
    knows without asking its resolver, each with its address.
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


@dataclass(frozen=True)
class Lab:
    """A whole lab, placed on machines and networks: the input of rendering.

    One behind the edge has a ``door``, the host's directory with its unix sockets; a sandbox has
    a ``seat``, and what its class shares as ``offers``.
    """

    name: str
    title: str
    domain: str
    services: Mapping[str, Service]
    sites: tuple[Site, ...]
    machines: Mapping[str, Machine]
    networks: tuple[Network, ...]
    records: tuple[Record, ...] = ()
    checks: tuple[Check, ...] = ()
    contents: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    accounts: tuple[Want, ...] = ()
    publishing: Publishing = Publishing()
    folder: str = ""
    platform: PlatformName = "vps"
    door: str = ""
    seat: Seat | None = None
    offers: tuple[Offer, ...] = ()

    @property
    def localhost(self) -> str:
        """The domain of the lab's names for use on the host."""
        return local_domain(self.name, self.seat)

    def content_source(self, service: str, path: str) -> str:
        """Where a content file of a service lies: what a person edits."""
        return f"{self.folder}/{self.services[service].options.content}/{path}"

    def machine_of(self, service: str) -> Machine:
        """The machine that runs ``service``."""
        return self.machines[self.services[service].machine]

    def replicas_of(self, service: str) -> tuple[Machine, ...]:
        """All machines that run ``service``."""
        return tuple(m for m in self.machines.values() if service in m.services)

    def address_of(self, service: str) -> str:
        """The IPv4 address at which ``service`` is reached."""
        return self.machine_of(service).address

    def public_address_of(self, service: str) -> str:
        """The IPv4 address under which the Internet reaches ``service``, where it may."""
        machine = self.machine_of(service)
        return machine.public or machine.address

    @property
    def inside(self) -> tuple[Network, ...]:
        """The private segments: none where all machines stand on the Internet."""
        return tuple(network for network in self.networks if network.private)

    def of_kind(self, kind: str) -> tuple[Service, ...]:
        """All services of one kind, in the lab file's order."""
        return tuple(s for s in self.services.values() if s.kind == kind)

    @cached_property
    def sites_by_service(self) -> Mapping[str, tuple[Site, ...]]:
        """The sites that each service answers."""
        found: dict[str, list[Site]] = {}
        for site in self.sites:
            found.setdefault(site.service, []).append(site)
        return {name: tuple(sites) for name, sites in found.items()}
