"""The load generator's container, and a plain nginx to compare with."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.workspace import BenchLab, Workspace
from labctl.experiments.apparatus import wrk
from labctl.experiments.apparatus.wrk import Measured

IMAGE = "hosting-labctl-bench:latest"
HERE = Path(__file__).parent
SECONDS = 4
# nginx with Debian's nginx.conf, and this beside Debian's default site
_TLS_SITE = b"""\
server {
    listen 443 ssl default_server;
    root /var/www/html;
    index index.html;
    ssl_certificate /etc/nginx/bench.pem;
    ssl_certificate_key /etc/nginx/bench.key;
    server_name _;
    location / {
        try_files $uri $uri/ =404;
    }
}
"""


class Failed(Exception):
    """A load that was not answered as it should be; a figure from it would mean nothing."""


def build(workspace: Workspace) -> None:
    """Build the load generator's image on labctl's base."""
    from labctl.engines.dockerfile import base_reference, own_recipe

    workspace.client.images.build(
        path=str(HERE), tag=IMAGE, rm=True, buildargs={"BASE": base_reference(own_recipe())}
    )


class Source:
    """A container on a network that makes load; ``hosts`` are names it knows."""

    def __init__(
        self, workspace: Workspace, name: str, network: str, hosts: Mapping[str, str]
    ) -> None:
        self.container = workspace.client.containers.run(
            IMAGE,
            detach=True,
            init=True,
            name=name,
            network=network,
            extra_hosts=dict(hosts),
            labels=workspace.labels,
        )

    def run(self, *words: str) -> str:
        """Run a command there; its output. Failed when it fails."""
        status, output = self.container.exec_run(list(words))
        if status != 0:
            raise Failed(f"{' '.join(words)}: {output.decode(errors='replace')}")
        return str(output.decode())

    def requests(self, url: str, host: str = "", connections: int = 32) -> float:
        """Requests a second that one thread of wrk gets answered with 2xx over kept connections."""
        return self._load(url, connections, [f"Host: {host}"] if host else []).rate

    def latency(self, url: str) -> float:
        """Milliseconds that half of the requests on one kept connection take at most."""
        return self._load(url, 1).p50

    def _load(self, url: str, connections: int, fields: Iterable[str] = ()) -> Measured:
        output = self.run(*wrk.command(url, connections, SECONDS, fields))
        try:
            found = wrk.read(output)
        except ValueError as reason:
            raise Failed(f"{url}: {reason}: {output}") from None
        if found.failed:
            raise Failed(f"{url}: {output}")
        return found

    def messages(self, host: str, port: int, name: str, connections: int = 16) -> float:
        """Chat messages a second that come back over WebSockets."""
        words = (host, str(port), name, str(connections), str(SECONDS))
        return float(self.run("python3", "/bench/ws_load.py", *words))

    def room(self, host: str, port: int, name: str, clients: int, messages: int) -> dict[str, Any]:
        """What the clients of one full chat room have heard, and when."""
        words = (host, str(port), name, str(clients), str(messages))
        found: dict[str, Any] = json.loads(self.run("python3", "/bench/room_load.py", *words))
        return found


class Generator(Source):
    """A source of load on a lab's own network."""

    def __init__(self, lab: BenchLab, hosts: Mapping[str, str], network: str = "internet") -> None:
        name = f"{lab.project}-generator-{network}"
        super().__init__(lab.workspace, name, lab.network(network), hosts)


class Steady(threading.Thread):
    """The steady load, running beside something else for some seconds."""

    def __init__(self, generator: Generator, url: str, authority: str, seconds: float) -> None:
        super().__init__(daemon=True)
        self.generator = generator
        self.words = ("python3", "/bench/steady_load.py", url, authority, str(seconds))
        self.output = ""

    def run(self) -> None:
        self.output = self.generator.run(*self.words)


def plain_nginx(lab: BenchLab, content: Path, leaf: Sequence[bytes]) -> Any:
    """A container with Debian's nginx as Debian configures it, and the limits of the front.

    It is made from the front's image, serves ``content``, and has the certificate and key
    ``leaf`` in a second server block with the directives of the first.
    """
    front = lab.container("front").attrs
    files = {"pem": leaf[0], "key": leaf[1], "conf": _TLS_SITE}
    mounts = {str(content): {"bind": "/var/www/html", "mode": "ro"}}
    for suffix, data in files.items():
        path = lab.workspace.folder / f"bench.{suffix}"
        path.write_bytes(data)
        target = "sites-enabled/bench.conf" if suffix == "conf" else f"bench.{suffix}"
        mounts[str(path)] = {"bind": f"/etc/nginx/{target}", "mode": "ro"}
    return lab.workspace.client.containers.run(
        front["Config"]["Image"],
        ["-g", "daemon off;"],
        entrypoint="nginx",
        detach=True,
        name=f"{lab.project}-plain",
        network=lab.network(),
        volumes=mounts,
        mem_limit=front["HostConfig"]["Memory"],
        nano_cpus=front["HostConfig"]["NanoCpus"],
        pids_limit=front["HostConfig"]["PidsLimit"],
        labels=lab.workspace.labels,
    )
