"""The Debian root file system under all images: from a registry, or made from a mirror."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from typing import IO, TYPE_CHECKING

from labctl.engines import connect
from labctl.engines.dockerfile import (
    BASE_PACKAGES,
    EXCLUDED,
    INCLUDED,
    KEYRING,
    PREFIX,
    Recipe,
    base_reference,
)
from labctl.errors import LabctlError
from labctl.setup.apt_sources import MIRROR_VARIABLE, Mirror, debian_mirror, read
from labctl.setup.host import os_release

if TYPE_CHECKING:
    import docker

ROOT_LABEL = f"{PREFIX}.root"
REGISTRY_PATIENCE = 20.0
Say = Callable[[str], None]


class NoMirror(LabctlError):
    """Nobody said where Debian's packages come from."""

    def __init__(self) -> None:
        super().__init__(
            "apt on this machine knows no Debian mirror, so no image can be built",
            f"name one: {MIRROR_VARIABLE}=http://deb.debian.org/debian (a second address after"
            " a space is the security archive's)",
        )


class BootstrapFailed(LabctlError):
    """The base could not be made from the mirror."""


def find_mirror() -> Mirror:
    """The Debian mirror to use on this machine; `NoMirror` where there is none."""
    release = os_release()
    codename = release.get("VERSION_CODENAME", "") if release.get("ID") == "debian" else ""
    mirror = debian_mirror(read(), codename, os.environ.get(MIRROR_VARIABLE, ""))
    if mirror is None:
        raise NoMirror
    return mirror


def root(
    client: docker.DockerClient,
    recipe: Recipe,
    mirror: Mirror,
    say: Say,
    *,
    refresh: bool = False,
) -> str:
    """Name of a Debian root file system that the engine has: fetched or made now if need be.

    With ``refresh`` one that is there does not count, unless no newer one is to be had.

    An https mirror needs certificates that ``debian:<suite>-slim`` lacks, so that one counts
    only with a plain one (packages are signed either way).
    """
    slim = f"debian:{recipe.suite}-slim"
    if mirror.main.startswith("http://"):
        if not refresh and _has(client, slim):
            return slim
        if _pull(slim, say):
            return slim
    made = f"{PREFIX}/root:{base_reference(recipe).rpartition(':')[2]}"
    if refresh or not _has(client, made):
        bootstrap(client, made, recipe, mirror, say)
    return made


def _has(client: docker.DockerClient, name: str) -> bool:
    import docker.errors

    try:
        client.images.get(name)
    except docker.errors.ImageNotFound:
        return False
    return True


def _pull(name: str, say: Say) -> bool:
    """Ask the registry for an image, giving up when it is silent for a while."""
    import docker.errors
    import requests

    say(f"asking the registry for {name}")
    patient = connect(timeout=REGISTRY_PATIENCE)
    repository, _, tag = name.partition(":")
    try:
        patient.images.pull(repository, tag=tag)
    except (docker.errors.APIError, requests.RequestException):
        say("no registry answers: the base is made from the Debian mirror")
        return False
    finally:
        patient.close()
    return True


def bootstrap_command(recipe: Recipe, mirror: Mirror, program: str) -> list[str]:
    """The command that writes a minimal Debian as a tar archive to standard output."""
    trusted = f"[signed-by={KEYRING}]"
    rules = [("path-exclude", p) for p in EXCLUDED] + [("path-include", p) for p in INCLUDED]
    return [
        program,
        "--variant=minbase",
        f"--include={','.join(BASE_PACKAGES)}",
        '--aptopt=APT::Install-Recommends "0"',
        '--aptopt=Acquire::Languages "none"',
        *(f"--dpkgopt={rule}={pattern}" for rule, pattern in rules),
        recipe.suite,
        "-",
        f"deb {trusted} {mirror.main} {recipe.suite} main",
        f"deb {trusted} {mirror.security} {recipe.suite}-security main",
    ]


def bootstrap(
    client: docker.DockerClient, name: str, recipe: Recipe, mirror: Mirror, say: Say
) -> None:
    """Make a Debian root file system with mmdebstrap and give it to the engine as ``name``.

    It gets its name only when mmdebstrap has ended well. Raises `BootstrapFailed`.
    """
    program = shutil.which("mmdebstrap")
    if program is None:
        raise BootstrapFailed(
            "no container registry answers and mmdebstrap is not installed",
            "apt-get install mmdebstrap, or `make up`, which does",
        )
    say(f"Debian {recipe.suite} from {mirror.main}")
    identity, complaint = _run(client, bootstrap_command(recipe, mirror, program))
    if complaint is not None:
        _forget(client, identity)
        raise BootstrapFailed(
            f"mmdebstrap could not make a base from {mirror.main}: {_telling_line(complaint)}",
            f"{MIRROR_VARIABLE} names another mirror",
        )
    repository, _, tag = name.partition(":")
    client.api.tag(identity, repository, tag)


def _run(client: docker.DockerClient, command: list[str]) -> tuple[str, str | None]:
    """Import what a command writes; the image's identity, and what it said if it failed."""
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
        ) as process:
            assert process.stdout is not None
            identity = _import(client, process.stdout)
        if process.returncode == 0 and identity:
            return identity, None
        errors.seek(0)
        return identity, errors.read().decode(errors="replace")


def _import(client: docker.DockerClient, archive: IO[bytes]) -> str:
    """Import a tar archive; the new image's identity, empty where the engine refuses it."""
    import json

    import docker.errors

    changes = [f"LABEL {ROOT_LABEL}=yes"]
    try:
        answer = client.api.import_image_from_stream(archive, changes=changes)
    except docker.errors.APIError:
        archive.read()
        return ""
    last = json.loads(answer.strip().splitlines()[-1])
    return str(last.get("status", ""))


def _forget(client: docker.DockerClient, identity: str) -> None:
    import docker.errors

    try:
        if identity:
            client.api.remove_image(identity)
    except docker.errors.APIError:
        return


def _telling_line(text: str) -> str:
    """The first line that apt or mmdebstrap marks as an error: later ones only follow from it."""
    lines = [line for line in text.splitlines() if line.startswith(("E:", "W: Failed"))]
    return (lines or text.strip().splitlines()[-1:] or ["it said nothing"])[0]
