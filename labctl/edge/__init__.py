"""The edge: the nginx that owns a host's ports 80 and 443, and the bastion for SSH beside it.

Labs and sandboxes behind it have no port of the host: they listen on unix sockets, each in a
door of its own (``labctl.doors``).
"""

from __future__ import annotations

import re

NAME = "edge"  # the lab that both are machines of; no lab file may take it
DOORS = "/doors"  # where its machines see the doors of all labs


def is_edge(lab: str) -> bool:
    """Whether a lab of that name is no lab but an edge: the host's, or one with doors elsewhere."""
    return re.fullmatch(rf"{NAME}(-[0-9a-f]{{8}})?", lab) is not None


def unprivileged(user: str) -> tuple[str, ...]:
    """Words before a command: never root, and of its powers only that to listen on low ports."""
    return (
        *("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"),
        *("--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service"),
    )
