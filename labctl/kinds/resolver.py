"""The resolver that every machine asks: Unbound, validating (DNSSEC, RFC 4035 section 4).

It knows the lab's zones and their keys, and refuses every other name: no question of a lab
reaches the Internet. One that stands inside a company's network serves that network and is
told what the company tells its own; one on the Internet what everybody is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from labctl.dns import views, zones
from labctl.kinds import Scope
from labctl.model import (
    HOSTS,
    Check,
    Expansion,
    File,
    Kept,
    Lab,
    Limits,
    Service,
    Template,
    Tier,
)
from labctl.spec.fields import Doc, Integer
from labctl.unbound import DAEMON, PORT

IMPLIED = True
TIER: Tier = "outside"
ANCHORS = "/etc/bind/bind.keys"  # where delv on the client machine finds the lab's keys


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the resolver."""

    cache: Annotated[int, Integer(0, 86400), Doc("how long an answer is kept at most, seconds")] = 1


def expand(service: Service, scope: Scope) -> Expansion:
    """Unbound, asking the lab's name server."""
    return Expansion(
        packages=frozenset({"unbound"}),
        capabilities=frozenset({"SETUID", "SETGID", "KILL", "CHOWN"}),
        daemons=(DAEMON,),
        ports={"dns": PORT},
        checks=tuple(_checks(service, scope)),
        limits=Limits(memory=64 * 2**20, processes=16),
    )


def _checks(service: Service, scope: Scope) -> Iterator[Check]:
    host = next(
        (s.host for s in scope.all_sites if s.host.endswith(f".{scope.domain}")),
        f"{zones.NAME_SERVER}.{scope.domain}",
    )

    def check(name: str, ask: dict[str, object], expect: dict[str, object], hint: str) -> Check:
        return Check(f"{service.name}: {name}", service.name, "dns", ask, expect, hint)

    yield check(
        f"{host} has an address, validated",
        {"name": host, "type": "A"},
        {"status": "NOERROR", "ad": True, "count": 1},
        "the `ad` flag says that the resolver has checked the signatures (RFC 4035 section 3.2.3)",
    )
    yield check(
        f"{host} is validated by a client of its own",
        {"name": host, "type": "A", "tool": "delv", "anchors": ANCHORS, "root": scope.domain},
        {"validated": True},
        "delv checks the signatures itself, from the lab's key on",
    )
    yield check(
        "a name that does not exist is denied, with proof",
        {"name": f"no-such-name.{HOSTS}.{scope.domain}", "type": "A"},
        {"status": "NXDOMAIN", "ad": True},
        "NSEC records prove that there is nothing between two names (RFC 4034 section 4)",
    )
    # asked of the resolver itself: an engine's name service may have names of its own for them
    own_name = f"{service.machine}.{HOSTS}.{scope.domain}"
    yield check(
        "addresses have names, validated",
        {"name": own_name, "type": "PTR", "server": own_name, "reverse": True},
        {"status": "NOERROR", "ad": True, "count": 1},
        "the reverse zone has a PTR record for each machine's address",
    )
    yield check(
        "names outside the lab are refused",
        {"name": "www.example.com", "type": "A"},
        {"status": "REFUSED", "count": 0},
        '`local-zone: "." always_refuse` in unbound.conf: nothing of a lab goes outside',
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """unbound.conf, complete: Debian's, with the Internet's root key, is replaced."""
    options: Options = service.options
    view = views.of_machine(lab.machine_of(service.name), lab)
    context = {
        "zones": zones.keys(view, kept),
        "server": view.address_of(lab.of_kind("dns")[0].name),
        "networks": [network.subnet for network in view.networks],
        "cache": options.cache,
    }
    template = Template("resolver/unbound.conf.j2", context)
    yield File("/etc/unbound/unbound.conf", template, source=service.source)
