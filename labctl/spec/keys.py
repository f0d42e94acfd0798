"""The keys of a lab file: what each takes and means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from labctl.model import Http, Isolation, Outgoing, PlatformName, Tls
from labctl.spec.checks import CheckKeys
from labctl.spec.fields import (
    Choice,
    ContentFile,
    Cpus,
    Disk,
    Doc,
    Domain,
    HostLabel,
    Integer,
    Kind,
    LabName,
    Many,
    Memory,
    Name,
    Port,
    Rate,
    Subnet,
    Switch,
    Table,
    Text,
)


@dataclass(frozen=True, slots=True)
class ServiceKeys:
    """Keys that every service has, whatever its kind."""

    kind: Annotated[str, Kind(), Doc("what kind of server this is; the service's name")]
    machine: Annotated[str, Name(), Doc("machine that runs it; one of its own")] = ""
    memory: Annotated[int, Memory(), Doc("memory of its machine; what the kind needs")] = 0
    cpus: Annotated[float, Cpus(), Doc("processors of its machine; 1")] = 0
    processes: Annotated[
        int, Integer(8, 10_000), Doc("processes of its machine; what the kind needs")
    ] = 0
    disk: Annotated[
        int, Disk(), Doc("disk for each of its directories with data; what the host has")
    ] = 0
    bandwidth: Annotated[
        int, Rate(), Doc("bandwidth of its machine, in each direction; what the host has")
    ] = 0
    shared: Annotated[
        bool,
        Switch(),
        Doc("in a class: one for all, instead of one for each student; so for clients, resolvers"),
    ] = False


@dataclass(frozen=True, slots=True)
class SiteKeys:
    """Keys of a site. A single word stands for its service."""

    SHORTHAND = "service"

    service: Annotated[str, Name(), Doc("service that answers this site")]
    names: Annotated[
        tuple[str, ...], Many(HostLabel()), Doc("more host names (`@` is the domain itself)")
    ] = ()
    party: Annotated[
        str,
        Name(),
        Doc("somebody else's, to a browser another site: below `<lab>-PARTY.test`; the lab's own"),
    ] = ""
    tls: Annotated[
        Tls,
        Choice("ca", "self-signed", "none"),
        Doc("who signs the certificate: the lab's CA, the site itself, or no TLS at all"),
    ] = "ca"
    http: Annotated[
        Http,
        Choice("redirect", "serve", "refuse"),
        Doc("what plain HTTP gets: a redirect to HTTPS, the site too, or a refusal"),
    ] = "redirect"
    replicas: Annotated[
        int,
        Integer(1, 16),
        Doc("on vps: how many servers run its service behind the front, sharing its data"),
    ] = 1
    inside: Annotated[
        bool,
        Switch(),
        Doc("only for a company's own people: there on-premise, and only inside its network"),
    ] = False
    clients: Annotated[
        tuple[str, ...],
        Many(Name()),
        Doc(
            "people who get a client certificate (on the client, in /root/tls); nobody else gets in"
        ),
    ] = ()
    config: Annotated[
        str,
        ContentFile(),
        Doc("file with directives of your own for this virtual host, in its server's language"),
    ] = ""
    front: Annotated[str, Name(), Doc("front that has it, where there are several; the first")] = ""
    port: Annotated[
        int,
        Port(),
        Doc("port at which it answers, alone and whatever the name; 80 and 443, shared"),
    ] = 0
    own_address: Annotated[
        bool,
        Switch(),
        Doc("it has an address of its own, link-local, where it answers alone, whatever the name"),
    ] = False
    inspect: Annotated[
        bool,
        Switch(),
        Doc("record its requests and responses, and show them at the site `inspect`"),
    ] = False


@dataclass(frozen=True, slots=True)
class ExposeKeys:
    """A port of a service published on the host."""

    service: Annotated[str, Name(), Doc("service whose port it is")]
    port: Annotated[int, Port(), Doc("the service's port")]
    host: Annotated[int, Port(), Doc("port on the host; the same")] = 0


@dataclass(frozen=True, slots=True)
class PlatformKeys:
    """What a lab says about any platform. A single text stands for ``refused``."""

    SHORTHAND = "refused"

    refused: Annotated[str, Text(), Doc("why this lab cannot be deployed there")] = ""


@dataclass(frozen=True, slots=True)
class BareMetalKeys(PlatformKeys):
    """What a lab says about bare metal. A single text stands for ``refused``."""

    machines: Annotated[
        Mapping[str, tuple[str, ...]],
        Table(Name(), Many(Name())),
        Doc("further machines and the services that they run; all others run on `server`"),
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VpsKeys(PlatformKeys):
    """What a lab says about virtual private servers. A single text stands for ``refused``."""

    isolation: Annotated[
        Isolation,
        Choice("runc", "runsc", "kata", "sysbox"),
        Doc("what keeps the servers of one host apart, as far as the engine offers it"),
    ] = "runc"


@dataclass(frozen=True, slots=True)
class OnPremiseKeys(PlatformKeys):
    """What a lab says about its company's network. A single text stands for ``refused``."""

    forward: Annotated[
        tuple[int, ...],
        Many(Port()),
        Doc("ports of its one public address that the gateway sends on to a server"),
    ] = (80, 443, 25, 587, 993, 53)
    outgoing: Annotated[
        Outgoing,
        Choice("translated", "proxy"),
        Doc("how the LAN reaches the Internet: by address translation, or only by the web proxy"),
    ] = "translated"
    dmz: Annotated[str, Subnet(), Doc("addresses of the DMZ; a free /24 of 10.0.0.0/8")] = ""
    lan: Annotated[str, Subnet(), Doc("addresses of the LAN; a free /24 of 10.0.0.0/8")] = ""


@dataclass(frozen=True, slots=True)
class PlatformsKeys:
    """What a lab says about each platform."""

    bare_metal: Annotated[BareMetalKeys, BareMetalKeys, Doc("one machine that runs everything")] = (
        field(default_factory=BareMetalKeys)
    )
    vps: Annotated[VpsKeys, VpsKeys, Doc("a virtual server for each service")] = field(
        default_factory=VpsKeys
    )
    on_premise: Annotated[
        OnPremiseKeys, OnPremiseKeys, Doc("a company's network behind a gateway")
    ] = field(default_factory=OnPremiseKeys)


@dataclass(frozen=True, slots=True)
class DutyKeys:
    """Who has to care for something on each platform, in words."""

    bare_metal: Annotated[str, Text(160), Doc("who does it for a server of one's own")] = ""
    vps: Annotated[str, Text(160), Doc("who does it for virtual servers of a provider")] = ""
    on_premise: Annotated[str, Text(160), Doc("who does it in a company's own network")] = ""


@dataclass(frozen=True, slots=True)
class LabKeys:
    """Keys at the top of a lab file."""

    lab: Annotated[str, LabName(), Doc("the lab's name")]
    services: Annotated[Mapping[str, Any], Table(Name(), ServiceKeys), Doc("servers, by name")]
    title: Annotated[str, Text(120), Doc("what the lab is about, in one line")] = ""
    domain: Annotated[str, Domain(), Doc("domain of all its names; `<lab>.test`")] = ""
    sites: Annotated[
        Mapping[str, SiteKeys],
        Table(HostLabel(), SiteKeys),
        Doc("host names that the front sends to services, relative to the domain"),
    ] = field(default_factory=dict)
    expose: Annotated[
        tuple[ExposeKeys, ...],
        Many(ExposeKeys),
        Doc("more ports that reach the host, beside 80 and 443"),
    ] = ()
    subnet: Annotated[
        str, Subnet(), Doc("addresses of the lab's network; a free /24 of 198.18.0.0/15")
    ] = ""
    platform: Annotated[
        PlatformName,
        Choice("bare-metal", "vps", "on-premise"),
        Doc("how the lab is deployed where the command line does not say (`up --on`)"),
    ] = "vps"
    platforms: Annotated[
        PlatformsKeys,
        PlatformsKeys,
        Doc("what each way of deploying it needs, or why it cannot be"),
    ] = field(default_factory=PlatformsKeys)
    checks: Annotated[
        tuple[Any, ...],
        Many(CheckKeys),
        Doc("what else must hold, beside what every kind of service proves by itself"),
    ] = ()
    responsibilities: Annotated[
        Mapping[str, DutyKeys],
        Table(Text(60), DutyKeys),
        Doc("who does what on each platform, as text: shown by `labctl compare`, not measured"),
    ] = field(default_factory=dict)


def documented() -> Iterator[tuple[str, type[Any]]]:
    """The mappings of a lab file with a title each, for the schema and the reference."""
    yield "lab file", LabKeys
    yield "service", ServiceKeys
    yield "site", SiteKeys
    yield "exposed port", ExposeKeys
    yield "platforms", PlatformsKeys
    yield "bare-metal", BareMetalKeys
    yield "vps", VpsKeys
    yield "on-premise", OnPremiseKeys
    yield "check", CheckKeys
    yield "responsibility", DutyKeys
