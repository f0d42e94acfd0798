"""Snapshots of a server: its root file system as an image, its data as archives.

The image is the engine's (``hosting-labctl/snapshot``), the archives lie among what the lab
keeps. A restored server runs from the image (``hosting-labctl/restored``), which the provider's
book remembers, so ``up`` leaves it as it is.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlencode

from labctl.engines import api
from labctl.engines.dockerfile import PREFIX
from labctl.engines.helper import Helper
from labctl.errors import LabctlError
from labctl.keep import lab_home
from labctl.model import Machine
from labctl.platforms.book import Book, Restored
from labctl.render.compose import project
from labctl.spec.problems import nearest
from labctl.work.provider_book import change_book, forget_restored

_SNAPSHOT = f"{PREFIX}/snapshot"
_RESTORED = f"{PREFIX}/restored"
_META = "snapshot.json"
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "MKNOD")
_READ = 'tar -C "$1" --numeric-owner --sort=name -cp .'
_WRITE = 'find "$1" -mindepth 1 -delete; tar -C "$1" --numeric-owner -xp'


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a server was at a time (UTC, ISO 8601): its packages, and its volumes by name."""

    machine: str
    name: str
    time: str
    packages: tuple[str, ...]
    volumes: tuple[str, ...]


def take(lab: str, machine: Machine, container: str, name: str) -> Snapshot:
    """Take a snapshot of a running server, which stands still meanwhile; "" names it by the time.

    LabctlError where there is one of that name.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    snapshot = Snapshot(
        machine.name,
        name or f"at-{now:%Y%m%d-%H%M%S}",
        now.isoformat(),
        tuple(sorted(machine.packages)),
        tuple(volume.name for volume in machine.volumes),
    )
    folder = _folder(lab, machine.name, snapshot.name)
    if folder.exists():
        hint = f"`labctl vps snapshot {lab} {machine.name} --delete {snapshot.name}` removes it"
        raise LabctlError(f"{machine.name} has a snapshot '{snapshot.name}'", hint, status=2)
    try:
        _fill(folder, lab, snapshot, container)
    except BaseException:
        _drop_image(_image(_SNAPSHOT, lab, machine.name, snapshot.name))
        raise
    return snapshot


def _fill(folder: Path, lab: str, snapshot: Snapshot, container: str) -> None:
    """Put a snapshot together beside its folder, which appears when it is whole."""
    new = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700, parents=True)
    try:
        with standing_still(container):
            _commit(lab, container, snapshot)
            for volume in snapshot.volumes:
                _archive(_data(lab, container, volume), new / f"{volume}.tar")
        (new / _META).write_text(json.dumps(asdict(snapshot)))
        new.rename(folder)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise


@contextmanager
def standing_still(container: str) -> Iterator[None]:
    """No process of a container runs meanwhile: files and data are of the same moment."""
    api.call("POST", f"/containers/{container}/pause")
    try:
        yield
    finally:
        api.call("POST", f"/containers/{container}/unpause")


def _commit(lab: str, container: str, snapshot: Snapshot) -> None:
    repository, _, tag = _image(_SNAPSHOT, lab, snapshot.machine, snapshot.name).rpartition(":")
    query = {"container": container, "repo": repository, "tag": tag, "pause": "false"}
    query["changes"] = f"LABEL {PREFIX}.snapshot={lab}"
    api.call("POST", f"/commit?{urlencode(query)}", {})


def _data(lab: str, container: str, volume: str) -> Helper:
    """A helper that has one of a server's volumes, and the programs of the server's image."""
    image = api.inspected(container)["Image"]
    return Helper(image, _CAPABILITIES, volumes=(f"{project(lab)}_{volume}:/data",))


def _archive(helper: Helper, path: Path) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        helper.run(_READ, "/data", target=file)


def put_back(lab: str, machine: Machine, container: str, name: str) -> Snapshot:
    """Make a server what it was: its data, and the image that ``up`` makes it of next.

    Its container is gone afterwards. LabctlError where there is no such snapshot, or where the
    lab file wants other packages on it by now.
    """
    snapshot = _found(lab, machine.name, name)
    if set(snapshot.packages) != machine.packages:
        raise LabctlError(
            f"{machine.name} has other packages in the lab file than when '{name}' was taken",
            "put them back there, then restore",
        )
    image = _image(_RESTORED, lab, machine.name)
    _tag(_image(_SNAPSHOT, lab, machine.name, name), image)
    helpers = {v.name: _data(lab, container, v.name) for v in machine.volumes}
    api.call("POST", f"/containers/{container}/stop")
    for volume, helper in helpers.items():
        archive = _folder(lab, machine.name, name) / f"{volume}.tar"
        if archive.exists():
            with archive.open("rb") as file:
                helper.run(_WRITE, "/data", source=file)
    entry = Restored(image, snapshot.packages)

    def note(book: Book) -> Book:
        return replace(book, restored={**book.restored, machine.name: entry})

    change_book(lab, note)
    api.call("DELETE", f"/containers/{container}?force=1")
    return snapshot


def _tag(image: str, name: str) -> None:
    repository, _, tag = name.rpartition(":")
    try:
        query = urlencode({"repo": repository, "tag": tag})
        api.call("POST", f"/images/{quote(image, safe='')}/tag?{query}")
    except api.ApiError as error:
        raise LabctlError(f"the engine no longer has this snapshot: {error.message}") from None


def snapshots(lab: str, machine: str) -> tuple[Snapshot, ...]:
    """A server's snapshots, the oldest first."""
    found = [_read(path) for path in _folder(lab, machine, "").glob(f"[a-z]*/{_META}")]
    return tuple(sorted(found, key=lambda snapshot: (snapshot.time, snapshot.name)))


def count(lab: str) -> int:
    """How many snapshots there are of all servers of a lab."""
    return len(list(_folder(lab, "", "").glob(f"*/[a-z]*/{_META}")))


def _read(path: Path) -> Snapshot:
    found = json.loads(path.read_bytes())
    lists = {name: tuple(found[name]) for name in ("packages", "volumes")}
    return Snapshot(**{**found, **lists})


def _found(lab: str, machine: str, name: str) -> Snapshot:
    known = {one.name: one for one in snapshots(lab, machine)}
    if name not in known:
        hint = nearest(name, known) if known else f"`labctl vps snapshot {lab} {machine}` takes one"
        raise LabctlError(f"{machine} has no snapshot '{name}'", hint, status=2)
    return known[name]


def delete(lab: str, machine: str, name: str) -> None:
    """Remove a snapshot; a server that was restored from it keeps what it has."""
    _found(lab, machine, name)
    shutil.rmtree(_folder(lab, machine, name))
    _drop_image(_image(_SNAPSHOT, lab, machine, name))


def forget(lab: str, machine: str = "") -> None:
    """Remove all snapshots of a server, or of all servers of a lab."""
    shutil.rmtree(_folder(lab, machine, ""), ignore_errors=True)
    for repository in (_SNAPSHOT, _RESTORED):
        _drop_images(repository, lab, machine)


def leave(lab: str) -> None:
    """A lab is down: its servers come back from their packages, not from what was restored."""
    forget_restored(lab)
    _drop_images(_RESTORED, lab)


def _folder(lab: str, machine: str, name: str) -> Path:
    return lab_home(lab) / "snapshots" / machine / name


def _image(repository: str, *names: str) -> str:
    """An image's reference; no name has a dot in it."""
    return f"{repository}:{'.'.join(names)}"


def _drop_images(repository: str, lab: str, machine: str = "") -> None:
    prefix = _image(repository, lab, f"{machine}." if machine else "")
    exact = _image(repository, lab, machine)
    for reference in api.image_references():
        if reference == exact or reference.startswith(prefix):
            _drop_image(reference)


def _drop_image(reference: str) -> None:
    if reference in api.image_references():
        api.call("DELETE", f"/images/{quote(reference, safe='')}?force=1")
