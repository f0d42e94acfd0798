"""Where the bench works: a directory, labs and containers of its own, all gone at the end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import docker
import yaml

PREFIX = "bench"
LABEL = "hosting-labctl-bench"
ROOT = Path(__file__).parent.parent
LABCTL = Path(sys.executable).parent / "labctl"


class Workspace:
    """State, kept data and labs apart from the user's own; used with ``with``."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="labctl-bench-"))
        self.state = self.folder / "state"
        self.environment = os.environ | {
            "HOSTING_LABCTL_DIR": str(self.state),
            "HOSTING_LABCTL_DATA": str(self.folder / "data"),
        }
        self.client: Any = docker.from_env(timeout=120)
        self.names: list[str] = []

    @property
    def labels(self) -> dict[str, str]:
        """What its containers are known by, and no other bench's."""
        return {LABEL: self.folder.name}

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *_: object) -> None:
        mine = {"label": [f"{name}={value}" for name, value in self.labels.items()]}
        for container in self.client.containers.list(all=True, filters=mine):
            container.remove(force=True)
        for name in self.names:
            self.labctl("down", name, "--purge", check=False)
        self.client.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def labctl(self, *words: str, check: bool = True) -> str:
        """Run labctl's console script; its output. CalledProcessError when it fails."""
        command = [str(LABCTL), *words]
        return run(command, environment=self.environment, check=check)

    def lab(self, name: str, file: Path, platform: str = "") -> BenchLab:
        """A lab under a name and on ports of its own; it is not up yet."""
        self.names.append(name)
        http, https = free_ports(2)
        return BenchLab(self, name, file, http, https, platform)

    def lab1(self) -> Path:
        """A copy of lab1 that says its subnet: Compose alone must find it free again and again."""
        folder = self.folder / "lab1"
        if folder.exists():
            return folder
        shutil.copytree(ROOT / "stacks" / "lab1", folder)
        with open(folder / "lab.yml", "a") as file:
            file.write(f"subnet: {free_subnet()}\n")
        return folder


class BenchLab:
    """One lab of the bench."""

    def __init__(
        self,
        workspace: Workspace,
        name: str,
        file: Path,
        http: int,
        https: int,
        platform: str = "",
    ) -> None:
        self.workspace = workspace
        self.name = name
        self.file = file
        self.http = http
        self.https = https
        self.platform = platform

    @property
    def project(self) -> str:
        return f"labctl-{self.name}"

    def network(self, segment: str = "internet") -> str:
        """The engine's name of one of its networks."""
        rendered = yaml.safe_load((self.state / "compose.yaml").read_bytes())
        return str(rendered["networks"][segment].get("name", f"{self.project}_{segment}"))

    @property
    def domain(self) -> str:
        return f"{self.name}.test"

    @property
    def state(self) -> Path:
        return self.workspace.state / self.name

    @property
    def up_words(self) -> tuple[str, ...]:
        """What follows ``labctl`` to bring it up."""
        ports = ("--http", str(self.http), "--https", str(self.https))
        where = ("--on", self.platform) if self.platform else ()
        return ("up", str(self.file), "--name", self.name, *ports, *where)

    def up(self) -> None:
        self.workspace.labctl(*self.up_words)

    def down(self) -> None:
        self.workspace.labctl("down", self.name)

    def container(self, machine: str) -> Any:
        """The container of a machine, as the Docker SDK has it."""
        return self.workspace.client.containers.get(f"{self.project}-{machine}-1")

    @property
    def machines(self) -> Mapping[str, Any]:
        """Its machines as the rendered Compose file has them."""
        rendered = yaml.safe_load((self.state / "compose.yaml").read_bytes())
        found: Mapping[str, Any] = rendered["services"]
        return found

    def address(self, machine: str, network: str) -> str:
        """A machine's address on one of its networks."""
        return str(self.machines[machine]["networks"][network]["ipv4_address"])

    def addresses(self) -> dict[str, str]:
        """The address of each machine that is on the Internet itself."""
        return {
            name: self.address(name, "internet")
            for name, machine in self.machines.items()
            if "internet" in machine["networks"]
        }

    def seen_from_outside(self, machine: str) -> str:
        """The address under which a visitor reaches what vps gives a machine of that name."""
        found = self.addresses()
        return next(found[name] for name in (machine, "server", "gateway") if name in found)


def run(
    command: Sequence[str],
    *,
    environment: dict[str, str] | None = None,
    stdin: bytes | None = None,
    check: bool = True,
) -> str:
    """Run a command and return what it prints; what it says of an error goes to ours."""
    finished = subprocess.run(
        command, input=stdin, capture_output=True, env=environment, check=False
    )
    if check and finished.returncode != 0:
        sys.stderr.write(finished.stderr.decode(errors="replace"))
        finished.check_returncode()
    return finished.stdout.decode(errors="replace")


def free_subnet() -> str:
    """The last subnet of the pool without a route on the host; labctl takes the first."""
    from labctl.host.addresses import POOLS, conflict

    subnets = [str(subnet) for subnet in POOLS["public"].subnets(new_prefix=24)]
    return next(subnet for subnet in reversed(subnets) if not conflict(subnet))


def free_ports(count: int) -> list[int]:
    """Ports of the loopback address that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports
