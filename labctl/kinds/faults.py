"""A gallery of TLS faults: one host name each, which clients should refuse."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from labctl import webserver
from labctl.kinds import Scope
from labctl.model import (
    AddressOf,
    Check,
    Expansion,
    Fault,
    File,
    Kept,
    Lab,
    Limits,
    Record,
    Service,
    Template,
    Tier,
    Want,
)
from labctl.spec.fields import Doc, Many, Package

TIER: Tier = "public"
OLD_PORT = 1010  # protocols belong to a socket, not to a name: the old ones have one of their own
LIST = "/etc/ssl/labctl/revocations.pem"
ASKER = "/usr/local/bin/what-clients-say"


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One host of the gallery: what is wrong with it, and what curl is to say (a pattern).

    ``refused`` is empty for what an ordinary curl accepts, None where it depends on its version.
    """

    name: str
    wrong: str
    refused: str | None = ""
    fault: Fault = ""

    @property
    def port(self) -> int:
        """The port that it is at."""
        return OLD_PORT if self.name == "old-protocol" else 443


EXHIBITS = (
    Exhibit("good", "nothing: the control"),
    Exhibit("expired", "its time is over", "certificate has expired", "expired"),
    Exhibit("not-yet-valid", "its time begins next year", "not yet valid", "not-yet-valid"),
    Exhibit("wrong-host", "it is for another host", "(?i)no alternative certificate subject name"),
    Exhibit("self-signed", "its own key has signed it", "(?i)self.signed certificate"),
    Exhibit(
        "untrusted-root", "a root has signed it that nobody knows",
        "(?i)self.signed certificate in certificate chain", "untrusted-root",
    ),
    Exhibit(
        "incomplete-chain", "the intermediate certificate is not sent",
        "unable to get local issuer", "incomplete-chain",
    ),
    Exhibit("revoked", "its authority has revoked it"),
    Exhibit("weak-key", "its key is RSA with 1024 bits", "(?i)key too (weak|small)", "weak-key"),
    Exhibit("no-san", "its host is its common name only", None, "no-san"),
    Exhibit("old-protocol", "the server speaks TLS 1.0 and 1.1 only", "(?i)protocol|version"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a gallery of faults."""

    packages: Annotated[
        tuple[str, ...],
        Many(Package()),
        Doc("more Debian packages on its machine; with `chromium` and `libnss3-tools` "
            "`what-clients-say` asks that browser, too"),
    ] = ()  # fmt: skip


def expand(service: Service, scope: Scope) -> Expansion:
    """An nginx of its own, a certificate for each exhibit, the list of revoked ones."""
    options: Options = service.options
    wants = [_want(exhibit, service, scope.domain) for exhibit in EXHIBITS]
    names = [service.name, *(f"{exhibit.name}.{service.name}" for exhibit in EXHIBITS)]
    return Expansion(
        packages=webserver.PACKAGES | {"curl", "openssl", "python3", *options.packages},
        capabilities=webserver.CAPABILITIES,
        daemons=(webserver.DAEMON,),
        ports={"http": 80, "https": 443, "https of old": OLD_PORT},
        records=tuple(Record(name, "A", AddressOf(service.name)) for name in names),
        wants=(*wants, Want("crl", "revoked")),
        checks=tuple(_checks(service, scope)),
        limits=Limits(memory=96 * 2**20, processes=64),
    )


def _want(exhibit: Exhibit, service: Service, domain: str) -> Want:
    shown = "somebody-else" if exhibit.name == "wrong-host" else exhibit.name
    return Want(
        "certificate",
        _kept_as(exhibit, service),
        (f"{shown}.{service.name}.{domain}",),
        "self" if exhibit.name == "self-signed" else "ca",
        fault=exhibit.fault,
        revoked=exhibit.name == "revoked",
    )


def _kept_as(exhibit: Exhibit, service: Service) -> str:
    return f"fault/{service.name}/{exhibit.name}"


def url(exhibit: Exhibit, service: Service, domain: str) -> str:
    """The address of an exhibit."""
    port = "" if exhibit.port == 443 else f":{exhibit.port}"
    return f"https://{exhibit.name}.{service.name}.{domain}{port}/"


def _checks(service: Service, scope: Scope) -> Iterable[Check]:
    for exhibit in EXHIBITS:
        if exhibit.refused is None:
            continue
        expect: Mapping[str, Any] = {"status": 200}
        if exhibit.refused:
            expect = {"error": {"matches": exhibit.refused}}
        yield Check(
            name=f"{exhibit.name}: curl {'refuses' if exhibit.refused else 'accepts'} it",
            service=service.name,
            client="http",
            ask={"url": url(exhibit, service, scope.domain)},
            expect=expect,
            hint=f"{exhibit.wrong}; `what-clients-say` on its machine asks others, too",
        )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The virtual hosts with their certificates, the page about them, and who asks them."""
    rows = [(one, url(one, service, lab.domain)) for one in EXHIBITS]
    context = {"service": service, "domain": lab.domain, "rows": rows, "old_port": OLD_PORT}
    source = service.source
    config = f"/etc/nginx/sites-enabled/{service.name}.conf"
    yield File(config, Template("faults/gallery.conf.j2", context), source=source)
    yield File("/usr/local/share/gallery/index.html", Template("faults/index.html.j2", context))
    yield File(LIST, kept.crl.encode(), source="labctl ca")
    for exhibit in EXHIBITS:
        leaf = kept.certificates[_kept_as(exhibit, service)]
        yield File(f"/etc/ssl/labctl/{exhibit.name}.pem", leaf.chain.encode(), source=source)
        key = f"/etc/ssl/private/{exhibit.name}.key"
        yield File(key, leaf.key.encode(), mode=0o600, source=source)
    asked = {one.name: {"url": address, "wrong": one.wrong} for one, address in rows}
    yield File("/etc/labctl/gallery.json", json.dumps(asked, indent=1).encode() + b"\n")
    yield File(ASKER, Template("faults/what-clients-say.j2", {"crl": LIST}), 0o755)
