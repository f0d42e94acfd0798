"""What the host's ssh client reads to log in to the machines of a lab: ssh_config(5)."""

from __future__ import annotations

from collections.abc import Sequence

from labctl import ssh
from labctl.errors import LabctlError
from labctl.model import Kept, Lab, Machine
from labctl.render.compose import container

USER = "root"
CLIENT_PACKAGE = "netcat-openbsd"  # what a machine needs for others to be reached through it


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
    for machine in ssh.servers(lab):
        address, carrier = _carrier(machine, lab)
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


def _carrier(machine: Machine, lab: Lab) -> tuple[str, str]:
    """A machine's address, and the program that carries a connection to its SSH server.

    In a sandbox no other machine stays: there the machine itself starts a server for it.
    """
    if lab.seat:
        program = f"docker exec -i {container(lab.name, machine.name)} /usr/sbin/sshd -i"
        return machine.address, program
    start, address = way_to(machine, lab)
    return address, f"docker exec -i {container(lab.name, start)} nc -N {address} {ssh.PORT}"


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
        f"HostKeyAlgorithms {ssh.ALGORITHM}",
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
        f"{host(machine.name, lab.name)} {ssh.host_public_key(machine.name, kept)}\n"
        for machine in ssh.servers(lab)
    )
