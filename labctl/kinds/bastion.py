"""The bastion: SSH into the machines of labs behind the edge, each user into their own only.

It has no network. The edge hands connections over at a unix socket, and the bastion reaches
machines at theirs. Nobody gets a shell on it: a session is one program, which logs in further on
(docs/edge.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from labctl import doors, ssh
from labctl.edge import DOORS
from labctl.kinds import Scope
from labctl.model import (
    Daemon,
    Expansion,
    File,
    Kept,
    Lab,
    Limits,
    Probe,
    Service,
    Template,
    Tier,
    Want,
)

BROUGHT = True
TIER: Tier = "outside"
HOST_KEY = Want("ssh-key", "ssh/bastion/host")
SCRIPTS = "/etc/labctl/bastion"
USERS = "/var/lib/extrausers"  # where libnss-extrausers looks for passwd and group
SEATS, PASSWORDS = "/seats", "/passwords"
GROUP = "seats"
SFTP = "labctl-sftp"
_SESSIONS = 200  # at a time
_PROCESSES = 25  # of one user: seven sessions, fewer than their own machine takes
_PROGRAMS = ("connection", "keys", "password", "session", "enter", "further", "door")
_SOCKET = doors.ssh("bastion")


@dataclass(frozen=True, slots=True)
class Options:
    """It has none: who its users are lies in the directories that it is given."""


def expand(service: Service, scope: Scope) -> Expansion:
    """An SSH server for each connection."""
    return EXPANSION


EXPANSION = Expansion(
    packages=frozenset({"openssh-server", "systemd-standalone-sysusers", "libnss-extrausers"}),
    # to read what belongs to labctl's user, to use up passwords there, to hand a key to a user
    capabilities=ssh.CAPABILITIES | {"CHOWN", "DAC_OVERRIDE"},
    daemons=(
        Daemon(
            name="bastion",
            run=(
                *("s6-ipcserver", "-a", "0666", "-c", str(_SESSIONS)),
                *(_SOCKET, f"{SCRIPTS}/connection"),
            ),
            prepare=(
                ("install", "-d", "-m", "0755", "/run/sshd", "/run/bastion"),
                ("touch", "/run/utmp"),
            ),
            test=("/usr/sbin/sshd", "-t"),
            reload=("true",),  # each connection reads its configuration anew
            watches=("/etc/ssh/", "/etc/pam.d/"),
            ready=Probe(_SOCKET, r"^SSH-2\.0-", b"PROXY UNKNOWN\r\n"),
        ),
    ),
    wants=(HOST_KEY,),
    tmpfs=("/etc/ssh:mode=755,size=1m", "/etc/pam.d:mode=755,size=1m"),
    limits=Limits(memory=1024 * 2**20, cpus=2.0, processes=2048),
)


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The server's configuration, its key, and the programs that a session consists of."""
    context = {
        "scripts": SCRIPTS,
        "seats": SEATS,
        "passwords": PASSWORDS,
        "doors": DOORS,
        "group": GROUP,
        "processes": _PROCESSES,
        "sftp": SFTP,
        "host_key": ssh.HOST_KEY,
        "algorithm": ssh.ALGORITHM,
    }
    key = kept.keys[HOST_KEY.name]
    yield File("/etc/ssh/sshd_config", Template("bastion/sshd_config.j2", context))
    yield File("/etc/pam.d/sshd", Template("bastion/pam.j2", context))
    yield File(ssh.HOST_KEY, key.pem.encode(), 0o600)
    yield File(f"{ssh.HOST_KEY}.pub", f"{ssh.ALGORITHM} {key.public}\n".encode())
    for name in _PROGRAMS:
        yield File(f"{SCRIPTS}/{name}", Template(f"bastion/{name}.j2", context), 0o755)
