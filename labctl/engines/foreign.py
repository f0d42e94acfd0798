"""Images of others on which a machine can stand: fetched, and asked what they were made to run."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from labctl.engines import plain_reason
from labctl.errors import LabctlError

if TYPE_CHECKING:
    import docker


class NoImage(LabctlError):
    """An image that a lab names and that cannot be had, or that starts nothing."""


def application(client: docker.DockerClient, image: str, *, refresh: bool = False) -> bytes:
    """The script that starts what an image was made for; the image is fetched where it is not here.

    NoImage where there is none. With ``refresh`` a newer one is asked for first: where no registry
    has one, that of this host stays.
    """
    import docker.errors

    if refresh:
        with contextlib.suppress(NoImage):
            _pulled(client, image)
    try:
        found = client.images.get(image)
    except docker.errors.ImageNotFound:
        found = _pulled(client, image)
    return script(found.attrs["Config"] or {}, image).encode()


def _pulled(client: docker.DockerClient, image: str) -> Any:
    """An image from its registry."""
    import docker.errors
    import requests

    try:
        return client.images.pull(image)
    except (docker.errors.DockerException, requests.RequestException) as problem:
        raise NoImage(
            f"there is no image '{image}' on this host, and none could be fetched: "
            f"{plain_reason(problem)}",
            f"`docker pull {image}`, or `docker build -t {image} …`, shows why",
        ) from problem


def script(config: Mapping[str, Any], image: str) -> str:
    """The script that does what the engine would: entrypoint and command, in the image's directory.

    They run as the image's user (OCI image specification, ``config``); so does a command that the
    script is given instead. Its environment is the machine's already.
    """
    words = [*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ())]
    missing = f"{image} says no program that it runs; say one with `command:`"
    lines = [
        "#!/bin/sh",
        f"# application [COMMAND...]: what {image} was made for, or what else is to run as it",
        f"[ $# -gt 0 ] || set -- {shlex.join(words)}",
        f"[ $# -gt 0 ] || {{ echo {shlex.quote(missing)} >&2; exit 1; }}",
        f"cd {shlex.quote(config.get('WorkingDir') or '/')}",
        *_as_user(config.get("User") or "root"),
    ]
    return "\n".join(lines) + "\n"


def _as_user(said: str) -> list[str]:
    """The lines that go on as somebody: a name or a number, its group where one is said.

    Without one it is the user's own, with its further groups; who is not in the image is of root's.
    """
    user, colon, group = said.partition(":")
    groups = [f"group={shlex.quote(group)} groups=--clear-groups"]
    found = [
        'group=$(id -g "$user" 2>/dev/null) && groups=--init-groups || {',
        "    group=0 groups=--clear-groups",
        "}",
    ]
    return [
        f"user={shlex.quote(user)}",
        *(groups if colon else found),
        'home=$(getent passwd "$user" | cut -d: -f6)',
        'export HOME="${home:-/}"',
        'exec setpriv --reuid="$user" --regid="$group" "$groups" "$@"',
    ]
