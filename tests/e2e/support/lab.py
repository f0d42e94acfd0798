"""A lab of a test's own: a copy of a stack, under a name and on ports that nobody else has."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.e2e.support.home import ROOT, Home, Ran, run
from tests.e2e.support.ports import free_port

LABEL = "hosting-labctl.lab"
PROJECT = "com.docker.compose.project"


class OwnLab:
    """A lab that belongs to a test: up, changed, broken, and down again."""

    def __init__(self, home: Home, stack: str, name: str = "") -> None:
        self.home = home
        self.name = name or f"t{secrets.token_hex(4)}"
        self.domain = f"{self.name}.test"
        self.http, self.https = free_port(), free_port()
        self.folder = home.directory / "labs" / self.name / stack
        kept_out = shutil.ignore_patterns(".*", "__pycache__")
        shutil.copytree(ROOT / "stacks" / stack, self.folder, ignore=kept_out)
        self.client = docker.from_env()

    @property
    def target(self) -> tuple[str, ...]:
        """The words that mean this lab also before it is up."""
        ports = ("--http", str(self.http), "--https", str(self.https))
        return (str(self.folder), "--name", self.name, *ports)

    def labctl(self, verb: str, *words: str) -> Ran:
        """Run a verb on the lab, by name."""
        return self.home.labctl(verb, self.name, *words)

    def up(self, *words: str) -> Ran:
        """Bring it up; its exit status is the caller's to judge."""
        return self.home.labctl("up", *self.target, *words)

    def plan(self, *words: str) -> Ran:
        """What ``up`` would do."""
        return self.home.labctl("plan", *self.target, *words)

    def must(self, verb: str, *words: str) -> Ran:
        """Run a verb that has to succeed."""
        at = self.target if verb in ("up", "plan") else (self.name,)
        ran = self.home.labctl(verb, *at, *words)
        assert ran.status == 0, f"labctl {verb}: {ran.said}"
        return ran

    def exec(self, machine: str, *command: str, **more: Any) -> Ran:
        """Run a command on a machine."""
        words = ["docker", "exec", "-i", self.container(machine), *command]
        return run(words, **more)

    def output(self, machine: str, *command: str, **more: Any) -> str:
        """The output of a command on a machine, which has to succeed."""
        ran = self.exec(machine, *command, **more)
        assert ran.status == 0, f"{machine}: {' '.join(command)}: {ran.said}"
        return ran.out

    def containers(self) -> list[Any]:
        """All its containers, running or not."""
        found: list[Any] = self.client.containers.list(
            all=True, filters={"label": f"{LABEL}={self.name}"}, ignore_removed=True
        )
        return found

    def container(self, machine: str) -> str:
        """The name of a machine's container."""
        return f"labctl-{self.name}-{machine}-1"

    def inspect(self, machine: str) -> Mapping[str, Any]:
        """What the engine says of a machine."""
        found: Mapping[str, Any] = self.client.api.inspect_container(self.container(machine))
        return found

    def started(self) -> dict[str, tuple[str, str]]:
        """Of each container its id and when it started: the same as long as nobody restarts it."""
        return {c.name: (c.id, c.attrs["State"]["StartedAt"]) for c in self.containers()}

    def pid(self, machine: str, daemon: str) -> str:
        """The number of a daemon's main process."""
        return self.output(machine, "s6-svstat", "-o", "pid", f"/run/service/{daemon}").strip()

    def url(self, site: str, path: str = "/", scheme: str = "https") -> str:
        """A site's address on the host."""
        port = self.https if scheme in ("https", "wss") else self.http
        return f"{scheme}://{self.host(site)}:{port}{path}"

    def host(self, site: str) -> str:
        """A site's name on the host."""
        return f"{site}.{self.name}.localhost" if site else f"{self.name}.localhost"

    def authority(self) -> Path:
        """The lab's root certificate in a file, as ``ca export`` writes it."""
        path = self.home.directory / f"{self.name}.pem"
        ran = self.home.labctl("ca", "export", self.name)
        assert ran.status == 0, ran.said
        path.write_text(ran.out)
        return path

    def trusted_in(self, home: Path) -> Path:
        """A home for a browser, whose user has said ``labctl ca trust``."""
        words = Home.command("ca", "trust", "--store", "nss", self.name)
        ran = run(words, env={**self.home.environment, "HOME": str(home)})
        assert ran.status == 0, ran.said
        return home

    def passwords(self) -> dict[str, str]:
        """The passwords of the accounts, as ``up`` prints them."""
        rows = re.findall(rf"^(\S+)@{self.domain}\s+(\S+)", self.must("up").out, re.MULTILINE)
        return dict(rows)

    def write(self, path: str, text: str) -> Path:
        """Write a file of the lab's folder."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        return file

    def replace(self, path: str, old: str, new: str) -> None:
        """Change a text that has to be in a file of the lab's folder."""
        text = (self.folder / path).read_text()
        assert old in text
        self.write(path, text.replace(old, new))

    def left(self) -> dict[str, list[str]]:
        """Everything of the lab that the engine still has, by label and by Compose project."""
        filters = ({"label": f"{LABEL}={self.name}"}, {"label": f"{PROJECT}=labctl-{self.name}"})
        api = self.client.api
        kinds = {
            "containers": [c["Id"] for f in filters for c in api.containers(all=True, filters=f)],
            "networks": [n["Id"] for f in filters for n in api.networks(filters=f)],
            "volumes": [v["Name"] for f in filters for v in _volumes(api, f)],
        }
        return {kind: names for kind, names in kinds.items() if names}

    def engine_miscounts(self, left: Mapping[str, list[str]]) -> bool:
        """Whether all that is left are networks without a container that it does not let go.

        A fault of Docker 20.10, not of labctl: they are gone when it is started again.
        """
        for network in left.get("networks", ()):
            if self.client.api.inspect_network(network)["Containers"]:
                return False
            with pytest.raises(docker.errors.APIError, match="has active endpoints"):
                self.client.api.remove_network(network)
        return set(left) == {"networks"}

    def remove(self) -> None:
        """Take it down with all that it keeps; by force where labctl does not."""
        ran = self.home.labctl("down", self.name, "--purge")
        left = self.left()
        if "the engine has lost count" in ran.out and self.engine_miscounts(left):
            left = {}
        for container in self.containers():
            container.remove(force=True, v=True)
        for network in left.get("networks", ()):
            self.client.api.remove_network(network)
        for volume in left.get("volumes", ()):
            self.client.api.remove_volume(volume, force=True)
        self.client.close()
        assert not left, f"labctl down left {left}: {ran.said}"


def _volumes(api: Any, chosen: Mapping[str, str]) -> list[dict[str, Any]]:
    return api.volumes(filters=chosen)["Volumes"] or []
