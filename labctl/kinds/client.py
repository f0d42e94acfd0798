"""A machine with the clients of every protocol: where learners try things and checks run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from labctl.dns import views, zones
from labctl.kinds import Scope
from labctl.model import KEY_LOG, Expansion, File, Kept, Lab, Limits, Service, Tier, person_key
from labctl.spec.fields import Doc, Many, Package, Switch

IMPLIED = True
TIER: Tier = "outside"
PACKAGES = frozenset(
    {
        "bind9-dnsutils",
        "curl",
        "libnet-ssleay-perl",
        "ldnsutils",
        "lynx",
        "mutt",
        "netcat-openbsd",
        "openssl",
        "python3",
        "python3-tornado",
        "swaks",
    }
)


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a client."""

    packages: Annotated[
        tuple[str, ...], Many(Package()), Doc("more Debian packages on this machine")
    ] = ()
    tls_keylog: Annotated[
        bool,
        Switch(),
        Doc("its programs write down the keys of their TLS connections, for `capture --decrypt`"),
    ] = False


def expand(service: Service, scope: Scope) -> Expansion:
    """The programs; no daemon of its own."""
    options: Options = service.options
    return Expansion(
        packages=PACKAGES | frozenset(options.packages),
        limits=Limits(memory=512 * 2**20, cpus=2.0, processes=400),
        environment={KEY_LOG: "/run/tls-keys.log"} if options.tls_keylog else {},
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The zones' keys, where delv looks for them, and the certificates of the lab's people."""
    view = views.of_machine(lab.machine_of(service.name), lab)
    anchors = zones.trust_anchors(view, kept)
    yield File("/etc/bind/bind.keys", anchors.encode(), source=service.source)
    for person in sorted({one for site in lab.sites for one in site.clients}):
        leaf = kept.certificates[person_key(person)]
        yield File(f"/root/tls/{person}.pem", leaf.chain.encode(), source="labctl ca")
        yield File(f"/root/tls/{person}.key", leaf.key.encode(), mode=0o600, source="labctl ca")
