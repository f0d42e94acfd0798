"""A marked block for /etc/hosts, for programs that do not resolve ``*.localhost`` themselves."""

from __future__ import annotations

from labctl.model import Lab


def hosts_block(lab: Lab) -> str:
    """The names of a lab's sites on the host, between two marks that a person can find again.

    Lines have the form of hosts(5): an address, then names.
    """
    names = [n for site in lab.sites for n in site.names if n.endswith("localhost")]
    addresses = ["127.0.0.1", *(["::1"] if lab.publishing.ipv6 else [])]
    lines = [f"{address} {name}" for name in names for address in addresses]
    mark = f"hosting-labctl {lab.name}"
    return "\n".join([f"# begin {mark}", *lines, f"# end {mark}"])
