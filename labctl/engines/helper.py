"""Short-lived containers that do on the host, for a machine, what the machine itself may not.

A fixed program with arguments, no network but the one that is named, no capability but those
that are named; gone when it ends.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import IO

from labctl.engines import api
from labctl.engines.dockerfile import PREFIX, own_recipe, reference
from labctl.errors import LabctlError

TOOLS = frozenset({"e2fsprogs", "iproute2", "mount", "nftables"})
_PATIENCE = 600.0  # seconds: the archive of a large disk takes a while


@dataclass(frozen=True, slots=True)
class Helper:
    """What a helper gets: an image, capabilities, a network, mounts and device rules.

    ``volumes`` are written as ``docker run --volume`` takes them, ``devices`` as
    ``--device-cgroup-rule`` does. ``interpreter`` is what reads its programs.
    """

    image: str
    capabilities: tuple[str, ...] = ()
    network: str = "none"
    volumes: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    interpreter: str = "/bin/sh"

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line that runs a shell program with arguments."""
        words = ["docker", "run", "--rm", "--interactive", "--pull=never", "--cap-drop=ALL"]
        words += ["--security-opt=no-new-privileges", f"--label={PREFIX}.helper=yes"]
        words += [f"--network={self.network}", f"--entrypoint={self.interpreter}"]
        words += [f"--cap-add={name}" for name in self.capabilities]
        words += [f"--volume={volume}" for volume in self.volumes]
        words += [f"--device-cgroup-rule={rule}" for rule in self.devices]
        return [*words, self.image, "-euc", program, "helper", *arguments]

    def run(
        self, program: str, *arguments: str, source: IO[bytes] | None = None,
        target: IO[bytes] | None = None,
    ) -> str:  # fmt: skip
        """Run a shell program; what it says. LabctlError with its words where it fails.

        It reads ``source`` and writes to ``target``, where these are given.
        """
        try:
            done = subprocess.run(
                self.command(program, *arguments),
                stdin=source or subprocess.DEVNULL,
                stdout=target or subprocess.PIPE,
                stderr=subprocess.PIPE,
                timeout=_PATIENCE,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise LabctlError(f"it did not end within {_PATIENCE:.0f} s") from None
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise LabctlError(said[-1] if said else f"it ended with {done.returncode}")
        return (done.stdout or b"").decode(errors="replace")


def tools() -> str:
    """The image with the programs that helpers run; built now where the engine lacks it."""
    recipe = own_recipe()
    name = reference(TOOLS, recipe)
    if name not in api.image_references():
        from labctl.engines import connect, images

        images.build(connect(), {name: TOOLS}, recipe, lambda _: None)
    return name
