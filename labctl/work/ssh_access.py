"""What the host's ``ssh`` needs to log in to a lab's machines: three files of its state.

``ssh_config`` names every machine, ``ssh_known_hosts`` has their public keys and ``ssh_key`` is
a copy of the lab's own key, whose original is kept (``labctl.keep``).
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from labctl import ssh
from labctl.engines.state import State, write_atomically
from labctl.errors import LabctlError
from labctl.render import ssh_config
from labctl.work.rendered import Rendered
from labctl.work.session import find_lab_file

CONFIG, KNOWN_HOSTS, KEY = "ssh_config", "ssh_known_hosts", "ssh_key"


def write(session: Rendered) -> None:
    """Put the files in place; the key is its owner's only."""
    lab, kept, home = session.lab, session.kept, session.state.directory
    config = ssh_config.client_config(lab, str(home / KEY), str(home / KNOWN_HOSTS))
    key = kept.keys[ssh.USER_KEY.name].pem
    write_atomically(home / KEY, key.encode(), 0o600)
    write_atomically(home / KNOWN_HOSTS, ssh_config.known_hosts(lab, kept).encode())
    write_atomically(home / CONFIG, config.encode())


def config_of(state: State, lab: str) -> Path:
    """The configuration of a lab that is up; LabctlError where there is none."""
    path = state.directory / CONFIG
    if not path.is_file():
        raise LabctlError(f"{lab} is not up", f"`labctl up {lab}` brings it up")
    return path


def is_lab(word: str) -> bool:
    """Whether there is a lab of that name, up or not."""
    try:
        return bool(find_lab_file(word))
    except LabctlError:
        return False


def command(config: Path, lab: str, machine: str, words: list[str], terminal: bool) -> list[str]:
    """The command line that logs in to a machine, and runs ``words`` there where there are any.

    As ever with SSH, a shell on the machine reads the words, joined by spaces (RFC 4254
    section 6.5). LabctlError where the host has no ``ssh``, or the machine no server.
    """
    program = shutil.which("ssh")
    if program is None:
        raise LabctlError(
            "there is no `ssh` program on this host",
            f"`apt install openssh-client` brings it; `labctl shell {lab} {machine}` needs none",
        )
    name = ssh_config.host(machine, lab)
    if not re.search(rf"^Host {re.escape(name)}$", config.read_text(), re.MULTILINE):
        raise LabctlError(
            f"{machine} has no SSH server: it is none of the servers of {lab}",
            f"`labctl shell {lab} {machine}` opens a shell there",
            status=2,
        )
    with_terminal = ["-t"] if terminal else []
    return [program, "-F", str(config), *with_terminal, "--", name, *words]
