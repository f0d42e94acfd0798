"""Short-lived containers that do on the host, for a machine, what the machine itself may not.

A fixed program with arguments, no network but the one that is named, no capability but those
that are named, on a read-only root, with little memory and few processes; gone when it ends, and
ended by itself where whoever has started it no longer can. What it reads may be a student's.
"""

from __future__ import annotations

import contextlib
import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from labctl.engines import api
from labctl.engines.dockerfile import PREFIX, own_recipe, reference
from labctl.errors import LabctlError

TOOLS = frozenset({"e2fsprogs", "iproute2", "mount", "nftables", "tcpdump"})
_PATIENCE = 600.0  # seconds: the archive of a large disk takes a while
_LIMITS = (
    "--read-only", "--tmpfs=/tmp:size=128m", "--tmpfs=/run:size=8m", "--pids-limit=256",
    "--memory=512m", "--memory-swap=512m", "--cpus=1", "--log-driver=none",
)  # fmt: skip
_NAME = f"{PREFIX}-helper-"
_LASTS = f"{PREFIX}.helper.lasts"  # seconds, as a label says them


@dataclass(frozen=True, slots=True)
class Helper:
    """What a helper gets: an image, capabilities, a network, mounts and device rules.

    ``volumes`` are written as ``docker run --volume`` takes them, ``devices`` as
    ``--device-cgroup-rule`` does. ``interpreter`` is what reads its programs. It ends by itself
    after so many ``seconds``.
    """

    image: str
    capabilities: tuple[str, ...] = ()
    network: str = "none"
    volumes: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    interpreter: str = "/bin/sh"
    scratch: str = ""  # a directory that it may write, besides /tmp
    seconds: float = _PATIENCE

    def command(self, program: str, *arguments: str) -> list[str]:
        """The command line that runs a shell program with arguments."""
        words = ["docker", "run", "--rm", "--interactive", "--pull=never", "--cap-drop=ALL"]
        words += ["--security-opt=no-new-privileges", f"--label={PREFIX}.helper=yes"]
        words += [f"--label={_LASTS}={self.seconds:.0f}"]
        words += [f"--name={_NAME}{secrets.token_hex(6)}", *_LIMITS]
        words += [f"--network={self.network}", "--entrypoint=/usr/bin/timeout"]
        words += [f"--tmpfs={self.scratch}:size=16m"] if self.scratch else []
        words += [f"--cap-add={name}" for name in self.capabilities]
        words += [f"--volume={volume}" for volume in self.volumes]
        words += [f"--device-cgroup-rule={rule}" for rule in self.devices]
        lasting = ["--signal=KILL", f"{self.seconds:.0f}", self.interpreter]
        return [*words, self.image, *lasting, "-euc", program, "helper", *arguments]

    def run(
        self, program: str, *arguments: str, source: IO[bytes] | None = None,
        target: IO[bytes] | None = None,
    ) -> str:  # fmt: skip
        """Run a shell program; what it says. LabctlError with its words where it fails.

        It reads ``source`` and writes to ``target``, where these are given.
        """
        command = self.command(program, *arguments)
        try:
            with ending(command):
                done = subprocess.run(
                    command,
                    stdin=source or subprocess.DEVNULL,
                    stdout=target or subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    timeout=self.seconds,
                    check=False,
                )
        except subprocess.TimeoutExpired:
            raise LabctlError(f"it did not end within {self.seconds:.0f} s") from None
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            raise LabctlError(said[-1] if said else f"it ended with {done.returncode}")
        return (done.stdout or b"").decode(errors="replace")


@contextlib.contextmanager
def ending(command: Sequence[str]) -> Iterator[Sequence[str]]:
    """While a helper's command runs; the helper is gone afterwards where that did not end well."""
    try:
        yield command
    except BaseException:
        end(command)
        raise


def end(command: Sequence[str]) -> None:
    """Remove the helper that a command has started, where it is still there."""
    name = next(word for word in command if word.startswith("--name="))
    with contextlib.suppress(api.ApiError):
        api.call("DELETE", f"/containers/{name.removeprefix('--name=')}?force=1")


def left() -> tuple[str, ...]:
    """Helpers, by their containers, that are older than they last: whoever's they were."""
    found = api.containers([f"{PREFIX}.helper=yes"])
    return tuple(one["Id"] for one in found if one["Created"] < time.time() - 2 * _lasts(one))


def _lasts(container: Mapping[str, Any]) -> float:
    """The seconds that a helper lasts at most."""
    return float(container["Labels"].get(_LASTS, _PATIENCE))


def remove(containers: Sequence[str]) -> None:
    """Remove helpers that are left."""
    for container in containers:
        with contextlib.suppress(api.ApiError):  # it has just gone
            api.call("DELETE", f"/containers/{container}?force=1")


def tools(building: Callable[[], None] = lambda: None) -> str:
    """The image with the programs that helpers run; built now where the engine lacks it.

    ``building`` is called before: that takes a while.
    """
    recipe = own_recipe()
    name = reference(TOOLS, recipe)
    if api.lacks([name]):
        from labctl.engines import connect, images

        building()
        images.build(connect(), {name: TOOLS}, recipe, lambda _: None)
    return name
