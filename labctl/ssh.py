"""SSH into machines: the server that each has.

Every server has one; visitors' machines and workstations have none. A super-server waits for
connections and starts sshd for each: waiting costs next to nothing (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from labctl import doors, kinds
from labctl.model import Daemon, File, Kept, Lab, Machine, Probe, Service, Template, Want

PORT = 22
PACKAGES = frozenset({"openssh-server", "systemd-standalone-sysusers", "ucspi-tcp"})
# to shut the part of sshd that talks to strangers in an empty directory; to tell the kernel's
# audit of a login with a terminal, without which sshd refuses it
CAPABILITIES = frozenset({"SYS_CHROOT", "AUDIT_WRITE"})
CONFIG = "/etc/ssh/sshd_config.d/labctl.conf"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
CONNECTION = "/usr/local/sbin/ssh-connection"
AUTHORIZED = "/root/.ssh/authorized_keys"
CONNECTIONS = 10  # at the same time; more wait
USER_KEY = Want("ssh-key", "ssh/user")
BASTION_KEY = Want("ssh-key", "ssh/bastion")  # of a lab behind the edge: the bastion's way in
BASTION_KEYS = "/etc/ssh/bastion_keys"  # apart from the keys that the machine's owner may change
DOOR_CONNECTION = "/usr/local/sbin/ssh-door"
ALGORITHM = "ssh-ed25519"
DAEMON = Daemon(
    name="sshd",
    # without names from DNS, without asking the caller's ident
    run=("tcpserver", "-H", "-R", "-l", "0", "-c", str(CONNECTIONS), "0", str(PORT), CONNECTION),
    prepare=(("install", "-d", "-m", "0755", "/run/sshd"), ("touch", "/run/utmp")),
    test=("/usr/sbin/sshd", "-t"),
    reload=("true",),  # each connection reads its configuration anew
    watches=("/etc/ssh/",),
    ready=Probe(PORT, r"^SSH-2\.0-"),
)


def door_daemon(machine: str) -> Daemon:
    """The same server at the lab's door, for those who come through the bastion."""
    socket = doors.ssh(machine)
    return Daemon(
        name="ssh-door",
        # the socket's directory is closed to all but the edge; a stale socket is replaced
        run=("s6-ipcserver", "-a", "0666", "-c", str(CONNECTIONS), socket, DOOR_CONNECTION),
        prepare=DAEMON.prepare,
        ready=Probe(socket, r"^SSH-2\.0-", b"PROXY UNKNOWN\r\n"),
    )


def is_server(machine: Machine) -> bool:
    """Whether one can log in to the machine by SSH."""
    return any(daemon.name == DAEMON.name for daemon in machine.daemons)


def wanted(services: Iterable[Service], company: bool) -> bool:
    """Whether a machine with these services has SSH: not where all belong to visitors.

    A ``company``'s own machine has it as soon as it serves anything, a workstation does not.
    """
    return any(
        kinds.tier(service.kind) != "outside" or (company and service.expansion.ports)
        for service in services
    )


def wants(machine: str) -> tuple[Want, ...]:
    """What SSH needs kept for a machine: its own key, and the public half of labctl's."""
    return (Want("ssh-key", f"ssh/{machine}/host"), USER_KEY)


def host_public_key(machine: str, kept: Kept) -> str:
    """A machine's public key as OpenSSH writes it: algorithm and base64."""
    return f"{ALGORITHM} {kept.keys[wants(machine)[0].name].public}"


def files(machine: Machine, lab: Lab, kept: Kept) -> Iterator[File]:
    """The server's configuration, the machine's key, and whose key opens it."""
    if not is_server(machine):
        return
    bastion_keys = BASTION_KEYS if lab.door else ""
    context = {"machine": machine.name, "host_key": HOST_KEY, "bastion_keys": bastion_keys}
    public = f"{host_public_key(machine.name, kept)} {machine.name}.{lab.name}\n"
    user = f"{ALGORITHM} {kept.keys[USER_KEY.name].public} labctl\n"
    pem = kept.keys[wants(machine.name)[0].name].pem
    yield File(CONFIG, Template("ssh/sshd_config.j2", context))
    yield File(CONNECTION, Template("ssh/connection.j2"), 0o755)
    yield File(HOST_KEY, pem.encode(), 0o600)
    yield File(f"{HOST_KEY}.pub", public.encode())
    yield File(AUTHORIZED, user.encode(), 0o600)
    if lab.door:
        bastion = f"{ALGORITHM} {kept.keys[BASTION_KEY.name].public} bastion\n"
        yield File(BASTION_KEYS, bastion.encode(), 0o600)
        yield File(DOOR_CONNECTION, Template("ssh/door.j2"), 0o755)


def servers(lab: Lab) -> tuple[Machine, ...]:
    """The machines that one can log in to by SSH."""
    return tuple(machine for machine in lab.machines.values() if is_server(machine))
