"""Images as one file, for a classroom without a network."""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

from labctl.engines import plain_reason
from labctl.engines.dockerfile import HASH_LABEL, MACHINE, tag
from labctl.errors import LabctlError

if TYPE_CHECKING:
    import docker

CHUNK = 2**20


class SaveFailed(LabctlError):
    """Images could not be written to a file."""


class LoadRefused(LabctlError):
    """A file is not what ``save`` writes; nothing of it was loaded."""


def save(client: docker.DockerClient, path: Path, images: Iterable[str]) -> int:
    """Write images to one file (gzip where it ends in ``.gz``); its size in bytes.

    Layers that they share are in it once. The file appears when it is whole.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        with partial.open("wb") as raw, _writer(raw, path) as target:
            for chunk in _export(client, sorted(images)):
                target.write(chunk)
        partial.replace(path)
    except OSError as problem:
        raise SaveFailed(f"{path}: {plain_reason(problem)}") from problem
    finally:
        partial.unlink(missing_ok=True)
    return path.stat().st_size


def _writer(raw: IO[bytes], path: Path) -> IO[bytes]:
    if path.suffix != ".gz":
        return raw
    return cast("IO[bytes]", gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=4, mtime=0))


def _export(client: docker.DockerClient, images: list[str]) -> Iterator[bytes]:
    """The engine's archive of several images (Engine API: GET /images/get)."""
    import docker.errors

    if not images:
        raise SaveFailed("there is no image to save", "`labctl images build` makes them")
    for image in images:
        try:
            client.images.get(image)
        except docker.errors.ImageNotFound as problem:
            raise SaveFailed(f"{image} is not built", "`labctl images build`") from problem
    url = f"{client.api.base_url}/v{client.api.api_version}/images/get"
    answer = client.api.get(url, params={"names": images}, stream=True)
    if answer.status_code != 200:
        raise SaveFailed(f"the engine refuses to save: {answer.text.strip()}")
    yield from answer.iter_content(CHUNK)


def load(client: docker.DockerClient, path: Path) -> tuple[str, ...]:
    """Give the engine the images of a file that ``save`` wrote; their references.

    First every name and label in it is looked at: only labctl's machine images, each under
    the hash that its label says, so that no other image of the host is replaced. This guards
    against mistakes, not against forgery. Raises `LoadRefused`.
    """
    import docker.errors

    references = verify(path)
    try:
        with path.open("rb") as source:
            client.images.load(source)
    except (docker.errors.DockerException, OSError) as problem:
        raise LoadRefused(f"{path}: {plain_reason(problem)}") from problem
    return references


def verify(path: Path) -> tuple[str, ...]:
    """The references of the images in a file; `LoadRefused` if it is not ``save``'s."""
    try:
        with tarfile.open(path, "r:*") as archive:
            manifest = json.loads(_member(archive, "manifest.json"))
            return tuple(name for entry in manifest for name in _names(archive, entry))
    except tarfile.ReadError as problem:
        raise _no_archive(path, "it is not a tar archive") from problem
    except (EOFError, ValueError, KeyError, TypeError, AttributeError, zlib.error) as problem:
        raise _no_archive(path, plain_reason(problem)) from problem
    except OSError as problem:
        raise LoadRefused(f"{path}: {plain_reason(problem)}") from problem


def _no_archive(path: Path, reason: str) -> LoadRefused:
    hint = "`labctl images save FILE` writes one"
    return LoadRefused(f"{path} holds no images of labctl's: {reason}", hint)


def _names(archive: tarfile.TarFile, entry: dict[str, Any]) -> list[str]:
    """One image's references, after comparing them with its content."""
    text = _member(archive, entry["Config"])
    digest = hashlib.sha256(text).hexdigest()
    if digest != Path(entry["Config"]).name.removesuffix(".json"):
        raise ValueError(f"{entry['Config']} is damaged")
    labels = json.loads(text).get("config", {}).get("Labels") or {}
    names = [str(name) for name in entry.get("RepoTags") or ()]
    for name in names:
        if not name.startswith(f"{MACHINE}:") or labels.get(HASH_LABEL) != tag(name):
            raise ValueError(f"{name} is not an image that labctl built under this name")
    return names


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    found = archive.extractfile(name)
    if found is None:
        raise ValueError(f"{name} is no file")
    return found.read()
