"""An authority that ACME clients ask for certificates: pebble (RFC 8555).

Its root is a new one at each start, as pebble has it, and no machine of the lab trusts it by
itself. An nginx stands in front of it: pebble has no rate limits, and would hand its root's key
to whoever asks at its other port.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from labctl import webserver
from labctl.kinds import Scope
from labctl.model import (
    AddressOf,
    Check,
    Daemon,
    Expansion,
    File,
    Kept,
    Lab,
    Limits,
    Probe,
    Record,
    Service,
    Template,
    Tier,
    Want,
)
from labctl.spec.fields import Doc, Integer

TIER: Tier = "outside"
USER = "www-data"
HOME = "/etc/pebble"
ACME_PORT, MANAGEMENT_PORT = 14000, 15000


@dataclass(frozen=True, slots=True)
class Options:
    """Options of an ACME authority."""

    orders: Annotated[
        int, Integer(1, 600), Doc("orders that one address may place a minute; then it gets 429")
    ] = 60
    lifetime: Annotated[
        int, Integer(60, 90 * 86400), Doc("how long its certificates live, in seconds")
    ] = 90 * 86400


def expand(service: Service, scope: Scope) -> Expansion:
    """Pebble, and the nginx that it is reached through."""
    return Expansion(
        packages=webserver.PACKAGES | {"pebble"},
        capabilities=webserver.CAPABILITIES | {"CHOWN"},
        daemons=(webserver.DAEMON, _daemon()),
        ports={"http": 80, "https": 443},
        records=(Record(service.name, "A", AddressOf(service.name)),),
        wants=(Want("certificate", _certificate(service), (host(service.name, scope.domain),)),),
        checks=(_check(service, scope),),
        limits=Limits(memory=128 * 2**20, processes=64),
    )


def host(service: str, domain: str) -> str:
    """The host name of the authority."""
    return f"{service}.{domain}"


def _certificate(service: Service) -> str:
    return f"acme/{service.name}"


def _daemon() -> Daemon:
    return Daemon(
        name="pebble",
        run=("pebble", "-config", f"{HOME}/pebble.json"),
        user=USER,
        restarts=(f"{HOME}/", "/etc/labctl/daemons/pebble/"),
        # no waiting, no nonce refused for practice, and each order proves its names anew
        environment={
            "PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0", "PEBBLE_AUTHZREUSE": "0",
        },
        # whoever speaks plain HTTP to it is told so
        ready=Probe(ACME_PORT, r"^HTTP/1\.0 400 ", b"GET /dir HTTP/1.0\r\n\r\n"),
    )  # fmt: skip


def _check(service: Service, scope: Scope) -> Check:
    return Check(
        name="its directory says where orders are placed",
        service=service.name,
        client="http",
        ask={"url": f"https://{host(service.name, scope.domain)}/dir"},
        expect={"status": 200, "body": {"json": {"newOrder": {"there": True}}}},
        hint="RFC 8555 section 7.1.1",
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """Pebble's configuration, the virtual host before it, the certificate of both."""
    options: Options = service.options
    name, source = host(service.name, lab.domain), service.source
    leaf = kept.certificates[_certificate(service)]
    yield File(f"{HOME}/pebble.json", _configuration(options), source=source)
    yield File(f"{HOME}/server.pem", leaf.chain.encode(), source=source)
    yield File(f"{HOME}/server.key", leaf.key.encode(), mode=0o400, owner=USER, source=source)
    yield File("/etc/ssl/labctl/acme.pem", leaf.chain.encode(), source=source)
    yield File("/etc/ssl/private/acme.key", leaf.key.encode(), mode=0o600, source=source)
    context = {
        "host": name, "orders": options.orders,
        "port": ACME_PORT, "management": MANAGEMENT_PORT,
    }  # fmt: skip
    template = Template("acme/authority.conf.j2", context)
    yield File(f"/etc/nginx/sites-enabled/{service.name}.conf", template, source=source)


def _configuration(options: Options) -> bytes:
    """Pebble's own configuration; younger versions take the lifetime from a profile."""
    profile = {"description": "the only one", "validityPeriod": options.lifetime}
    said = {
        "listenAddress": f"127.0.0.1:{ACME_PORT}",
        "managementListenAddress": f"127.0.0.1:{MANAGEMENT_PORT}",
        "certificate": f"{HOME}/server.pem",
        "privateKey": f"{HOME}/server.key",
        "httpPort": 80,
        "tlsPort": 443,
        "ocspResponderURL": "",
        "externalAccountBindingRequired": False,
        "retryAfter": {"authz": 1, "order": 1},
        "certificateValidityPeriod": options.lifetime,
        "profiles": {"default": profile},
    }
    return json.dumps({"pebble": said}, indent=2).encode() + b"\n"
