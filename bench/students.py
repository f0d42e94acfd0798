"""A class of the bench: sandboxes of lab1, their doors, and how the bench asks them."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import docker
import yaml

from bench.workspace import PREFIX, ROOT, Workspace, free_ports, run

NAME = f"{PREFIX}class"
LAB1 = ROOT / "stacks" / "lab1"
LIMIT = 120.0  # seconds until all sandboxes of a class have to answer
PAUSE = 0.02  # seconds between two questions to one that does not answer yet
PATIENCE = 2.0
Item = TypeVar("Item")
Undo = Callable[[], None]
ROSTER = "id,name,lms_id"
APPLICATIONS = ("app", "chat")


class Students:
    """A class of a lab and its sandboxes; ``with`` makes it, and leaves nothing of it."""

    def __init__(self, workspace: Workspace, count: int, lab: Path = LAB1) -> None:
        self.workspace = workspace
        self.lab = lab
        self.ids = [f"s{number:04}" for number in range(1, count + 1)]
        self.doors = Path(tempfile.mkdtemp(prefix="labctl-bench-", dir=_memory())) / "doors"
        self.workspace.environment["HOSTING_LABCTL_DOORS"] = str(self.doors.parent)
        self.http, self.https, self.ssh = free_ports(3)

    def __enter__(self) -> Students:
        ports = ("--http", self.http, "--https", self.https, "--ssh", self.ssh)
        words = ("--lab", str(self.lab), "--roster", self.roster())
        try:
            self.workspace.labctl("edge", "up", *map(str, ports))
            self.workspace.labctl("class", "create", NAME, *words)
        except BaseException:
            self.__exit__()
            raise
        return self

    def roster(self) -> str:
        """The path of a roster with all students."""
        file = self.workspace.folder / "roster.csv"
        file.write_text("\n".join([ROSTER, *(f"{one},Student {one},{one}" for one in self.ids)]))
        return str(file)

    def enrol(self, student: str) -> None:
        """One more student comes, whose sandbox is not up yet."""
        self.ids.append(student)
        self.workspace.labctl("class", "roster", NAME, self.roster())

    def __exit__(self, *_: object) -> None:
        self.workspace.labctl("class", "destroy", NAME, "--yes", check=False)
        self.workspace.labctl("edge", "down", check=False)
        shutil.rmtree(self.doors.parent, ignore_errors=True)
        self.workspace.environment.pop("HOSTING_LABCTL_DOORS")

    def up(self, only: Iterable[str] = ()) -> None:
        """`labctl class up`."""
        chosen = ",".join(only)
        words = ("--only", chosen) if chosen else ()
        self.workspace.labctl("class", "up", NAME, "--json", *words)

    def remove(self) -> None:
        """Every sandbox with its data; keys and certificates stay."""
        each(self.ids, lambda one: self.workspace.labctl("down", self.sandbox(one)))

    def disks(self) -> None:
        """Make and attach what `class up` would: the disks of all sandboxes."""
        run([sys.executable, "-m", "bench.disks", *map(self.sandbox, self.ids)],
            environment=self.workspace.environment)  # fmt: skip

    def wake(self) -> None:
        """Ask the applications of every sandbox for something: they run then."""
        each(self.ids, self.asked)

    def asked(self, student: str) -> None:
        """Ask each application of a sandbox for its first page. RuntimeError without one."""
        for site in APPLICATIONS:
            self.page(student, site)

    def page(self, student: str, site: str) -> None:
        """Ask for the first page of a site by HTTP. RuntimeError where that is no page."""
        request = f"GET / HTTP/1.1\r\nHost: {self.host(student, site)}\r\nConnection: close\r\n\r\n"
        with _connected(self.doors / self.sandbox(student) / "http.sock") as connection:
            connection.settimeout(LIMIT)
            connection.sendall(request.encode())
            head = connection.recv(4096).split(b"\r\n")[0]
        if b" 200 " not in head:
            raise RuntimeError(f"{site} of {student}: {head.decode(errors='replace')}")

    def sandbox(self, student: str) -> str:
        """The name of a student's sandbox."""
        return f"{NAME}-{student}"

    def host(self, student: str, site: str = "www") -> str:
        """The host name of a site."""
        return f"{site}.{student}.{NAME}.test"

    def state(self, student: str) -> Path:
        """The state directory of a sandbox."""
        return self.workspace.state / self.sandbox(student)

    def definition(self, student: str) -> Mapping[str, Any]:
        """The rendered Compose file of a sandbox, without what is not there all the time."""
        found: dict[str, Any] = yaml.safe_load((self.state(student) / "compose.yaml").read_bytes())
        services = found["services"].items()
        found["services"] = {name: one for name, one in services if "profiles" not in one}
        return found

    def containers(self, student: str) -> list[Any]:
        """The containers of a sandbox."""
        label = f"hosting-labctl.lab={self.sandbox(student)}"
        found: list[Any] = self.workspace.client.containers.list(filters={"label": label})
        return found

    def root(self) -> Path:
        """The class's root certificate, in a file."""
        kept = json.loads((self.workspace.folder / "data" / NAME / "authority.json").read_text())
        file = self.workspace.folder / "class.pem"
        file.write_text(kept["data"]["root"]["certificate"])
        return file

    def answer(self) -> float:
        """Ask every sandbox at its doors until all answer; seconds. RuntimeError without."""
        context = ssl.create_default_context(cafile=str(self.root()))
        start, silent = time.perf_counter(), list[str]()

        def ask(student: str) -> None:
            while not self.answers(student, context):
                if time.perf_counter() - start > LIMIT:
                    silent.append(student)
                    return
                time.sleep(PAUSE)  # between two questions to one that does not answer yet

        each(self.ids, ask)
        if silent:
            raise RuntimeError(f"no answer within {LIMIT:.0f} s from {', '.join(sorted(silent))}")
        return time.perf_counter() - start

    def answers(self, student: str, context: ssl.SSLContext) -> bool:
        """Whether a sandbox shows its first page by HTTPS, verified, and greets by SSH."""
        door = self.doors / self.sandbox(student)
        try:
            page = self._page(door, self.host(student), context)
            with _connected(door / "ssh-server.sock") as connection:
                connection.sendall(b"PROXY UNKNOWN\r\n")
                greeting = connection.recv(64)
        except OSError:
            return False
        return page.startswith(b"HTTP/1.1 200 ") and greeting.startswith(b"SSH-2.0-")

    def _page(self, door: Path, host: str, context: ssl.SSLContext) -> bytes:
        with _connected(door / "https.sock") as plain:
            plain.sendall(b"PROXY TCP4 127.0.0.1 127.0.0.1 40000 443\r\n")
            with context.wrap_socket(plain, server_hostname=host) as connection:
                request = f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
                connection.sendall(request.encode())
                return connection.recv(65536)


def each(items: Iterable[Item], work: Callable[[Item], object], workers: int = 16) -> None:
    """Do the same for all, several at a time; the first error is raised in the end."""
    with ThreadPoolExecutor(workers) as pool:
        jobs = [pool.submit(work, item) for item in items]
    for job in jobs:
        job.result()


def _connected(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(PATIENCE)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection


def _memory() -> str | None:
    """A directory on a file system in memory, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def merged(students: Students) -> Path:
    """One Compose file with all sandboxes of a class: the very containers that labctl makes."""
    whole: dict[str, Any] = {"name": f"{NAME}-alone", "services": {}, "networks": {}, "volumes": {}}
    for student in students.ids:
        one = students.definition(student)
        for name, service in one["services"].items():
            whole["services"][f"{student}-{name}"] = _renamed(service, student)
        for name, network in one["networks"].items():
            whole["networks"][f"{student}-{name}"] = network
        for name, volume in (one.get("volumes") or {}).items():
            whole["volumes"][f"{student}-{name}"] = volume
    file = students.workspace.folder / "all.yaml"
    file.write_text(yaml.safe_dump(whole))
    return file


def _renamed(service: Mapping[str, Any], student: str) -> dict[str, Any]:
    """A service with the names that its networks and volumes have among all."""
    found = dict(service)
    found["networks"] = {f"{student}-{name}": one for name, one in service["networks"].items()}
    found["volumes"] = [
        {**one, "source": f"{student}-{one['source']}"} if one["type"] == "volume" else one
        for one in service["volumes"]
    ]
    return found


def compose(*words: str) -> str:
    """`docker compose`, whatever the caller's environment says about it."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("COMPOSE_")}
    return run(["docker", "compose", *words], environment=environment)


def create(students: Students, student: str, undo: list[Undo]) -> None:
    """Make a sandbox's networks, volumes and containers by calls of the API.

    ``undo`` gets what removes them, in the order in which they were made.
    """
    one, client = students.definition(student), students.workspace.client
    for name, network in one["networks"].items():
        pools = [docker.types.IPAMPool(**pool) for pool in network["ipam"]["config"]]
        made = client.networks.create(
            f"{NAME}-alone-{student}-{name}",
            driver=network["driver"],
            options=network["driver_opts"],
            ipam=docker.types.IPAMConfig(pool_configs=pools),
        )
        undo.append(made.remove)
    for name, volume in (one.get("volumes") or {}).items():
        options = {"driver_opts": volume.get("driver_opts") or {}}
        undo.append(client.volumes.create(f"{NAME}-alone-{student}-{name}", **options).remove)
    for name, service in one["services"].items():
        container = _container(client, f"{NAME}-alone-{student}", name, service)
        undo.append(partial(container.remove, force=True))
        container.start()


def _container(client: Any, prefix: str, name: str, service: Mapping[str, Any]) -> Any:
    """A container as Compose would make it."""
    (network, place), *_ = service["networks"].items()
    mounts = [
        docker.types.Mount(
            one["target"],
            f"{prefix}-{one['source']}" if one["type"] == "volume" else one["source"],
            one["type"],
            read_only=one.get("read_only", False),
        )
        for one in service["volumes"]
    ]
    tmpfs = dict(entry.partition(":")[::2] for entry in service.get("tmpfs", ()))
    container = client.containers.create(
        service["image"], name=f"{prefix}-{name}", hostname=service["hostname"], mounts=mounts,
        tmpfs=tmpfs, cap_drop=service["cap_drop"], cap_add=service["cap_add"],
        security_opt=service["security_opt"], read_only=service.get("read_only", False),
        mem_limit=service["mem_limit"], memswap_limit=service["memswap_limit"],
        nano_cpus=int(service["cpus"] * 1e9), pids_limit=service["pids_limit"],
        network=f"{prefix}-{network}",
    )  # fmt: skip
    joined = client.networks.get(f"{prefix}-{network}")
    joined.disconnect(container)
    joined.connect(container, ipv4_address=place["ipv4_address"])
    return container
