"""Starts machines with Kathará's library, says when it began, and removes them when told to.

Runs in the environment of requirements.txt, not in labctl's. Argument: machine → {image,
entrypoint, volumes (host path|path|mode), network}, as JSON; all but the image may be missing.
Once all run it prints when it began (seconds of the monotonic clock); a line on standard input
ends it.

Kathará's own network driver is a Docker plugin that comes from Docker Hub only, and works at
layer 2 without addresses. Where no registry answers it cannot be had, so its networks are made
with Docker's bridge driver instead: the one change to the library, in ``bridged``.
A machine without an entrypoint gets a shell, as Kathará's do.
"""

import json
import sys
import time
from typing import Any
from unittest.mock import patch

from docker.models.networks import NetworkCollection
from Kathara.manager.docker.DockerManager import DockerManager
from Kathara.manager.docker.DockerPlugin import DockerPlugin
from Kathara.model.Lab import Lab
from Kathara.setting.Setting import Setting

PREFIX = "labctl-bench-kathara"
SETTINGS = {
    "open_terminals": False,
    "shared_mount": False,
    "hosthome_mount": False,
    "device_prefix": PREFIX,
    "net_prefix": PREFIX,
}


def bridged() -> None:
    """Let Kathará make its networks with Docker's bridge driver."""
    create = NetworkCollection.create

    def with_bridge(self: NetworkCollection, name: str, **options: Any) -> Any:
        return create(self, name, **(options | {"driver": "bridge", "ipam": None}))

    DockerPlugin.check_and_download_plugin = lambda self: None
    patch.object(NetworkCollection, "create", with_bridge).start()


def described(machines: dict[str, dict[str, Any]]) -> Lab:
    """The machines, in one collision domain as lab1's are in one network, where they say none."""
    lab = Lab("bench")
    for name, machine in machines.items():
        lab.get_or_new_machine(
            name,
            image=machine["image"],
            entrypoint=machine.get("entrypoint", "/bin/bash"),
            volumes=machine.get("volumes"),
        )
        lab.connect_machine_to_link(name, machine.get("network", "internet"))
    return lab


def main() -> None:
    bridged()
    for name, value in SETTINGS.items():
        setattr(Setting.get_instance(), name, value)
    start = time.monotonic()
    lab = described(json.loads(sys.argv[1]))
    manager = DockerManager()
    try:
        manager.deploy_lab(lab)
        states = {name: machine.api_object.status for name, machine in lab.machines.items()}
        print(start, flush=True)
        sys.stdin.readline()
    finally:
        manager.undeploy_lab(lab=lab)
    if set(states.values()) != {"running"}:
        sys.exit(f"not running: {states}")


if __name__ == "__main__":
    main()
