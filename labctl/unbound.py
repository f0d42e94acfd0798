"""Unbound as a daemon: the lab's resolver, and what answers a room from wildcards."""

from __future__ import annotations

from labctl.dns import dnssec
from labctl.model import Daemon, Probe

PORT = 53


def _query(name: str) -> bytes:
    """A question for a name's address, as it goes over UDP."""
    return b"LB\x01\0\0\x01\0\0\0\0\0\0" + dnssec.wire_name(name) + b"\0\x01\0\x01"


DAEMON = Daemon(
    name="unbound",
    run=("unbound", "-d", "-p"),
    user="unbound",
    # what is made in this directory has root's group, so that root may use the control socket
    prepare=(
        ("install", "-d", "-m", "2750", "/run/unbound"),
        ("chown", "unbound", "/run/unbound"),
    ),
    test=("unbound-checkconf",),
    reload=("unbound-control", "reload"),
    watches=("/etc/unbound/",),
    # Ready is an answer of its own: a question for the lab, asked before the name server is up,
    # would only make it remember for seconds that there was no answer.
    ready=Probe(PORT, r"^LB[\x81\x85].\x00\x01\x00\x01", _query("localhost"), "udp"),
)
