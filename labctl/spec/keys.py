"""The keys of a lab file: what each takes and means."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from labctl.model import Http, Tls
from labctl.spec.fields import (
    Choice,
    ContentFile,
    Cpus,
    Doc,
    Domain,
    HostLabel,
    Integer,
    Kind,
    Many,
    Memory,
    Name,
    Port,
    Subnet,
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


@dataclass(frozen=True, slots=True)
class SiteKeys:
    """Keys of a site. A single word stands for its service."""

    SHORTHAND = "service"

    service: Annotated[str, Name(), Doc("service that answers this site")]
    names: Annotated[
        tuple[str, ...], Many(HostLabel()), Doc("more host names (`@` is the domain itself)")
    ] = ()
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
    config: Annotated[
        str, ContentFile(), Doc("file with nginx directives of your own for this virtual host")
    ] = ""


@dataclass(frozen=True, slots=True)
class ExposeKeys:
    """A port of a service published on the host."""

    service: Annotated[str, Name(), Doc("service whose port it is")]
    port: Annotated[int, Port(), Doc("the service's port")]
    host: Annotated[int, Port(), Doc("port on the host; the same")] = 0


@dataclass(frozen=True, slots=True)
class LabKeys:
    """Keys at the top of a lab file."""

    lab: Annotated[str, Name(), Doc("the lab's name")]
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


def documented() -> Iterator[tuple[str, type[Any]]]:
    """The mappings of a lab file with a title each, for the schema and the reference."""
    yield "lab file", LabKeys
    yield "service", ServiceKeys
    yield "site", SiteKeys
    yield "exposed port", ExposeKeys
