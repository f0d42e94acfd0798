"""A machine that is not the lab's, on the lab's network: a client out there."""

from __future__ import annotations

from typing import Any

from testcontainers.core.container import DockerContainer

from tests.e2e.support.home import Ran, run
from tests.e2e.support.lab import OwnLab


class Outside:
    """A container with the programs of the lab's client, and nothing else of the lab."""

    def __init__(self, lab: OwnLab) -> None:
        self.lab = lab
        engine = lab.inspect("client")
        self._container = DockerContainer(engine["Config"]["Image"]).with_kwargs(
            entrypoint=["sleep", "infinity"],
            network=f"labctl-{lab.name}_internet",
        )

    def __enter__(self) -> Outside:
        self._container.start()
        # as DHCP would tell it: the engine's own name service knows nothing of the lab
        told = self.lab.output("client", "cat", "/etc/resolv.conf")
        self.output("sh", "-c", "cat >/etc/resolv.conf", input=told)
        return self

    def __exit__(self, *_: object) -> None:
        self._container.stop()

    def exec(self, *command: str, **more: Any) -> Ran:
        """Run a command there."""
        name = str(self._container.get_wrapped_container().id)
        return run(["docker", "exec", "-i", name, *command], **more)

    def output(self, *command: str, **more: Any) -> str:
        """The output of a command that has to succeed."""
        ran = self.exec(*command, **more)
        assert ran.status == 0, f"{' '.join(command)}: {ran.said}"
        return ran.out
