"""Builds, lists and finds the images that labs run from."""

from __future__ import annotations

import io
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from labctl.engines import base_image, plain_reason
from labctl.engines.dockerfile import (
    BASE,
    HASH_LABEL,
    MACHINE,
    NOTHING,
    PACKAGES_LABEL,
    Recipe,
    base_context,
    base_reference,
    machine_context,
    reference,
    tag,
)
from labctl.errors import LabctlError
from labctl.setup.apt_sources import MIRROR_VARIABLE

if TYPE_CHECKING:
    import docker

    from labctl.model import Extra, Machine

WORKERS = 2
_NO_PACKAGE = re.compile(r"E: (?:Unable to locate package|Package '?)\s*(?P<name>[a-z0-9.+-]+)")
_COLOUR = re.compile(r"\x1b\[\d*m")  # the engine's, of what a step says on standard error
_TELLING = re.compile(r"Step \d+/\d+ : (?P<step>\S+)|(?P<apt>(?:Setting up|Unpacking|Get:\d+) \S+)")


class BuildFailed(LabctlError):
    """An image could not be built."""


@dataclass(frozen=True)
class Progress:
    """How far one image is: ``detail`` is what its build is at, in one line."""

    image: str
    packages: frozenset[str]
    state: Literal["present", "building", "built", "failed"]
    detail: str = ""


@dataclass(frozen=True)
class Image:
    """An image of labctl's that the engine has; ``size`` in bytes, shared layers included."""

    reference: str
    identity: str
    packages: tuple[str, ...]
    size: int
    created: str


Report = Callable[[Progress], None]


def needed(machines: Iterable[Machine], recipe: Recipe) -> dict[str, frozenset[str]]:
    """The images that machines run from, each once: reference and its packages."""
    return {reference(m.packages, recipe, m.extra): frozenset(m.packages) for m in machines}


def extras(machines: Iterable[Machine], recipe: Recipe) -> dict[str, Extra]:
    """What the images of machines have beside packages, by reference."""
    return {reference(m.packages, recipe, m.extra): m.extra for m in machines}


def missing(
    client: docker.DockerClient, wanted: Mapping[str, frozenset[str]]
) -> dict[str, frozenset[str]]:
    """Those of the wanted images that the engine does not have."""
    present = {image.reference for image in list_images(client)}
    return {image: packages for image, packages in wanted.items() if image not in present}


def build(
    client: docker.DockerClient,
    wanted: Mapping[str, frozenset[str]],
    recipe: Recipe,
    report: Report,
    *,
    refresh: bool = False,
    extras: Mapping[str, Extra] | None = None,
) -> None:
    """Build what the engine lacks, two at a time; with ``refresh`` all, with today's packages.

    ``extras`` are what images have beside their packages, by reference. Raises `BuildFailed`,
    `BootstrapFailed`, `NoMirror`, `FetchFailed` or `NoImage`; what is built by then stays.
    """
    beside = extras or {}
    absent = dict(wanted) if refresh else missing(client, wanted)
    for image, packages in wanted.items():
        if image not in absent:
            report(Progress(image, packages, "present"))
    if not absent:
        return
    build_base(client, recipe, report, refresh=refresh)
    with ThreadPoolExecutor(WORKERS) as pool:
        jobs = [
            pool.submit(
                _build_machine,
                client,
                image,
                packages,
                recipe,
                report,
                refresh,
                beside.get(image, NOTHING),
            )
            for image, packages in absent.items()
        ]
    for job in jobs:
        job.result()


def build_base(
    client: docker.DockerClient, recipe: Recipe, report: Report, *, refresh: bool = False
) -> None:
    """Build the base that all images share, unless the engine has it."""
    name = base_reference(recipe)
    if not refresh and any(image.reference == name for image in list_images(client)):
        report(Progress(name, frozenset(), "present"))
        return
    mirror = base_image.find_mirror()

    def say(text: str) -> None:
        report(Progress(name, frozenset(), "building", text))

    root = base_image.root(client, recipe, mirror, say, refresh=refresh)
    context = base_context(root, recipe, mirror)
    _build(client, name, frozenset(), context, report, refresh)


def _build_machine(
    client: docker.DockerClient,
    image: str,
    packages: frozenset[str],
    recipe: Recipe,
    report: Report,
    refresh: bool,
    extra: Extra,
) -> None:
    parts = _parts(client, extra, refresh) if extra != NOTHING else ({}, b"")
    context = machine_context(packages, recipe, extra, *parts)
    _build(client, image, packages, context, report, refresh)


def _parts(
    client: docker.DockerClient, extra: Extra, refresh: bool
) -> tuple[Mapping[str, bytes], bytes]:
    """What an image has beside Debian packages, fetched: files of libraries, and what starts it."""
    from labctl.engines import foreign, libraries

    started = foreign.application(client, extra.root, refresh=refresh) if extra.root else b""
    return libraries.files(extra.libraries), started


def _build(
    client: docker.DockerClient,
    image: str,
    packages: frozenset[str],
    context: bytes,
    report: Report,
    refresh: bool,
) -> None:
    """Build one image, telling how far it is; `BuildFailed` when it cannot be built."""
    import docker.errors
    import requests

    report(Progress(image, packages, "building"))
    try:
        for detail in _follow(_start(client, image, packages, context, refresh), image):
            report(Progress(image, packages, "building", detail))
    except (docker.errors.DockerException, requests.RequestException) as problem:
        report(Progress(image, packages, "failed"))
        raise BuildFailed(f"{image}: {plain_reason(problem)}") from problem
    except BuildFailed:
        report(Progress(image, packages, "failed"))
        raise
    report(Progress(image, packages, "built"))


def _start(
    client: docker.DockerClient,
    image: str,
    packages: frozenset[str],
    context: bytes,
    refresh: bool,
) -> Iterable[Mapping[str, Any]]:
    """Start a classic build (no BuildKit: engine 20.10 has none by default); its output."""
    output: Iterable[Mapping[str, Any]] = client.api.build(
        fileobj=io.BytesIO(context),
        custom_context=True,
        tag=image,
        labels={HASH_LABEL: tag(image), PACKAGES_LABEL: " ".join(sorted(packages))},
        rm=True,
        forcerm=True,
        nocache=refresh,
        decode=True,
        timeout=3600,
    )
    return output


def _follow(output: Iterable[Mapping[str, Any]], image: str) -> Iterator[str]:
    """The telling lines of a build's output; `BuildFailed` when it ends with an error.

    A line of a step's may come in several events.
    """
    last: deque[str] = deque(maxlen=1000)
    for event in output:
        said = _COLOUR.sub("", str(event.get("stream", "")))
        last.append(said)
        if "error" in event:
            raise _failure(image, "".join(last).splitlines(), str(event["error"]))
        if found := _TELLING.match(said):
            yield found["apt"] or found["step"]


def _failure(image: str, lines: list[str], error: str) -> BuildFailed:
    unknown = [found["name"] for line in lines if (found := _NO_PACKAGE.search(line))]
    if unknown:
        return BuildFailed(
            f"Debian has no package called {', '.join(sorted(set(unknown)))}",
            "the names under `packages:` in lab.yml are Debian's",
        )
    told = [line for line in lines if line.startswith(("E:", "dpkg: error"))]
    return BuildFailed(
        f"{image} could not be built: {' '.join([error, *told][-1].split())}",
        f"does the mirror answer? {MIRROR_VARIABLE} names another one",
    )


def list_images(client: docker.DockerClient) -> tuple[Image, ...]:
    """The images of labctl's that the engine has, those of older versions too."""
    found = client.api.images(filters={"label": HASH_LABEL})
    return tuple(
        Image(
            reference=name,
            identity=image["Id"],
            packages=tuple(image["Labels"].get(PACKAGES_LABEL, "").split()),
            size=image["Size"],
            created=str(image["Created"]),
        )
        for image in found
        for name in sorted(image.get("RepoTags") or ())
        if name.startswith((f"{BASE}:", f"{MACHINE}:")) and _is_whole(name, image["Labels"])
    )


def _is_whole(name: str, labels: Mapping[str, str]) -> bool:
    """Whether an image carries the label of what its name says it is."""
    return labels.get(HASH_LABEL) == tag(name)
