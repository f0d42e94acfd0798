"""DNS for the room: every name of the domains behind the edge is this host's address.

Unbound answers from wildcards (RFC 4592) and refuses every other name, so that it may be asked by
everybody; a class room's own resolver can hand it these domains.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from labctl.edge import unprivileged
from labctl.kinds import Scope
from labctl.model import Expansion, File, Kept, Lab, Limits, Probe, Service, Template, Tier
from labctl.unbound import DAEMON, PORT

BROUGHT = True
TIER: Tier = "outside"
_CONTROL = "/run/unbound/control.sock"


@dataclass(frozen=True, slots=True)
class Options:
    """The domains, their address, which is also the one to listen on, and the port there."""

    domains: tuple[str, ...] = ()
    address: str = "127.0.0.1"
    port: int = PORT

    @property
    def type(self) -> str:
        """The type of record that holds the address (RFC 1035, RFC 3596)."""
        return "AAAA" if ":" in self.address else "A"


def expand(service: Service, scope: Scope) -> Expansion:
    """Unbound without a question of its own."""
    return of_options(service.options)


def of_options(options: Options) -> Expansion:
    """The same, without a lab around it."""
    # ready is an answer at its control socket: its address is one of the host's
    ready = Probe(_CONTROL, "^version: ", b"UBCT1 status\n")
    run = (*unprivileged("unbound"), "unbound", "-d", "-p")
    return Expansion(
        packages=frozenset({"unbound"}),
        capabilities=frozenset({"NET_BIND_SERVICE", "CHOWN"}),
        daemons=(replace(DAEMON, run=run, user="", ready=ready),),
        ports={"dns": options.port},
        tmpfs=("/etc/unbound:mode=755,size=1m",),
        limits=Limits(memory=64 * 2**20, processes=16),
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """unbound.conf, complete."""
    template = Template("wildcard/unbound.conf.j2", {"options": service.options})
    yield File("/etc/unbound/unbound.conf", template)
