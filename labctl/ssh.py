"""SSH into machines: the server that each has, and the configuration of the host's client.

Every server has one; visitors' machines and workstations have none. A super-server waits for
connections and starts sshd for each: waiting costs next to nothing (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from labctl import kinds
from labctl.errors import LabctlError
from labctl.model import Daemon, File, Kept, Lab, Machine, Probe, Service, Template, Want
from labctl.render.compose import container

PORT = 22
USER = "root"
PACKAGES = frozenset({"openssh-server", "systemd-standalone-sysusers", "ucspi-tcp"})
# to shut the part of sshd that talks to strangers in an empty directory; to tell the kernel's
# audit of a login with a terminal, without which sshd refuses it
CAPABILITIES = frozenset({"SYS_CHROOT", "AUDIT_WRITE"})
CLIENT_PACKAGE = "netcat-openbsd"  # what a machine needs for others to be reached through it
CONFIG = "/etc/ssh/sshd_config.d/labctl.conf"
HOST_KEY = "/etc/ssh/ssh_host_ed25519_key"
CONNECTION = "/usr/local/sbin/ssh-connection"
AUTHORIZED = "/root/.ssh/authorized_keys"
CONNECTIONS = 10  # at the same time; more wait
USER_KEY = Want("ssh-key", "ssh/user")
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
    if DAEMON not in machine.daemons:
        return
    context = {"machine": machine.name, "host_key": HOST_KEY}
    public = f"{host_public_key(machine.name, kept)} {machine.name}.{lab.name}\n"
    user = f"{ALGORITHM} {kept.keys[USER_KEY.name].public} labctl\n"
    pem = kept.keys[wants(machine.name)[0].name].pem
    yield File(CONFIG, Template("ssh/sshd_config.j2", context))
    yield File(CONNECTION, Template("ssh/connection.j2"), 0o755)
    yield File(HOST_KEY, pem.encode(), 0o600)
    yield File(f"{HOST_KEY}.pub", public.encode())
    yield File(AUTHORIZED, user.encode(), 0o600)


def servers(lab: Lab) -> tuple[Machine, ...]:
    """The machines that one can log in to by SSH."""
    return tuple(machine for machine in lab.machines.values() if DAEMON in machine.daemons)


def host(machine: str, lab: str) -> str:
    """The name of a machine in the client's configuration."""
    return f"{machine}.{lab}"


def way_to(machine: Machine, lab: Lab) -> tuple[str, str]:
    """From which machine, and at which address, another one is reached.

    From a company's own network rather than from the Internet, whose side is closed; on a
    network that both are on, where there is one.
    """
    private = {network.name for network in lab.inside}
    starts = [one for one in lab.machines.values() if CLIENT_PACKAGE in one.packages]
    starts.sort(key=lambda one: private.isdisjoint(one.addresses))
    for start in starts:
        for network in start.addresses.keys() & machine.addresses.keys():
            return start.name, machine.addresses[network]
    return starts[0].name, machine.address


def client_config(lab: Lab, key: str, known_hosts: str) -> str:
    """The client's configuration, ssh_config(5), for all machines of a lab.

    ``key`` and ``known_hosts`` are paths. Connections go over the lab's own network: a program
    on one of its machines carries them, the host needs no way to any address.
    """
    lines = [f"# SSH to the machines of the lab {lab.name}, written by `labctl up {lab.name}`."]
    for machine in servers(lab):
        start, address = way_to(machine, lab)
        carrier = f"docker exec -i {container(lab.name, start)} nc -N {address} {PORT}"
        name = host(machine.name, lab.name)
        lines += [
            "",
            f"Host {name}",
            f"    HostName {address}",
            f"    HostKeyAlias {name}",
            f"    ProxyCommand {carrier}",
        ]
    lines += ["", f"Host *.{lab.name}", *(f"    {line}" for line in _common(key, known_hosts)), ""]
    return "\n".join(lines)


def _common(key: str, known_hosts: str) -> Sequence[str]:
    return (
        f"User {USER}",
        f"IdentityFile {_path(key)}",
        "IdentitiesOnly yes",
        "IdentityAgent none",
        "PreferredAuthentications publickey",
        f"UserKnownHostsFile {_path(known_hosts)}",
        "GlobalKnownHostsFile none",
        "StrictHostKeyChecking yes",
        f"HostKeyAlgorithms {ALGORITHM}",
        "UpdateHostKeys no",
        "CheckHostIP no",
    )


def _path(path: str) -> str:
    """A path as ssh_config(5) takes it literally; LabctlError for one that it cannot say."""
    if "${" in path or not path.isprintable():
        raise LabctlError(
            f"{path!r} cannot be written in a configuration of ssh",
            "set HOSTING_LABCTL_DIR to a directory with a plain name",
        )
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def known_hosts(lab: Lab, kept: Kept) -> str:
    """The public keys of a lab's machines, as ssh looks for them (sshd(8), known_hosts)."""
    return "".join(
        f"{host(machine.name, lab.name)} {host_public_key(machine.name, kept)}\n"
        for machine in servers(lab)
    )
