"""Starts machines with Kathará's library and prints how long that took, in seconds.

Runs in the environment of requirements.txt, not in labctl's. Arguments: machine → image, as JSON,
and ``apart`` where each machine is to have a network of its own.

Kathará's own network driver is a Docker plugin that comes from Docker Hub only, and works at
layer 2 without addresses. Where no registry answers it cannot be had, so its networks are made
with Docker's bridge driver instead: the one change to the library, in ``bridged``.
The images' entry point waits for labctl's files, so each machine gets a shell, as Kathará's do.
"""

import json
import sys
import time
from typing import Any

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
    setattr(NetworkCollection, "create", with_bridge)  # noqa: B010 (mypy takes no plain one)


def described(images: dict[str, str], apart: bool) -> Lab:
    """The machines, all in one collision domain as lab1's are in one network, or ``apart``."""
    lab = Lab("bench")
    for name, image in images.items():
        lab.get_or_new_machine(name, image=image, entrypoint="/bin/bash")
        lab.connect_machine_to_link(name, f"net{name}" if apart else "internet")
    return lab


def main() -> None:
    bridged()
    for name, value in SETTINGS.items():
        setattr(Setting.get_instance(), name, value)
    start = time.perf_counter()
    lab = described(json.loads(sys.argv[1]), "apart" in sys.argv[2:])
    manager = DockerManager()
    try:
        manager.deploy_lab(lab)
        seconds = time.perf_counter() - start
        states = {name: machine.api_object.status for name, machine in lab.machines.items()}
    finally:
        manager.undeploy_lab(lab=lab)
    if set(states.values()) != {"running"}:
        sys.exit(f"not running: {states}")
    print(seconds)


if __name__ == "__main__":
    main()
