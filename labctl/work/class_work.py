"""A student's work: taken out of their machines as one archive, and put back.

An archive is a gzipped tar of the host's making: ``about.json``, and ``<machine>.tar`` of each of
the student's own machines as that machine told it. What a machine says is bounded in size and
time, and is never unpacked anywhere but on a machine of the same student.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from labctl.checks import bounded
from labctl.classes import registry
from labctl.classes.record import ClassRecord
from labctl.engines import api, helper
from labctl.engines.compose import Engine
from labctl.engines.helper import Helper
from labctl.errors import LabctlError
from labctl.keep.files import explained
from labctl.render.compose import LABEL
from labctl.work import begun, limiting
from labctl.work.execute import running
from labctl.work.provider_snapshots import standing_still
from labctl.work.session import Session

SECONDS = 300.0
MOST = 2 * 2**30  # bytes that one machine may hand over
ABOUT = "about.json"
ARCHIVES = "archive"
_CHUNK = 1 << 20
Container = Mapping[str, Any]
_ENDED = ("created", "exited", "dead")
NOTICE = "/etc/profile.d/labctl-notice.sh"

# Lists what is on a machine's volumes, which are mounted below /m ($@), and neither in its image
# nor as labctl left it. It runs in a container of its own, of the machine's image: nothing that a
# student can change runs there, and it may read what is not root's.
_LIST = r"""
state=/m/var/lib/labctl
born=$state/born manifest=$state/manifest
cd /tmp
[ -f "$born" ] || born=$state/generation
# who breaks these has all of their disks kept
[ -f "$born" ] || { born=/tmp/born && touch -d @0 "$born"; }
[ -f "$manifest" ] && [ ! -L "$manifest" ] || { manifest=/tmp/manifest && : >"$manifest"; }
timeout 10 head -c 4194304 "$manifest" >lines
sed -E 's/^([0-9a-f]+) .*/\1/' lines >sums
sed -E 's/^([^ ]+ ){4}//' lines | xargs -r -d '\n' realpath -m -- >paths
paste -d ' ' sums paths | sed -E 's|^([0-9a-f]+) |\1  /m|' >check
{ timeout 60 sha256sum --check check 2>/dev/null || true; } | sed -n 's/: OK$//p' >same
while IFS= read -r path; do
    [ -e "/m$path" ] || [ -L "/m$path" ] || printf '%s\n' "$path"
done <paths >gone
printf '/m/etc/%s\n' resolv.conf hosts hostname NOTICE >>same
find "$@" -xdev \( -path "$state" -o -path /m/var/log -o -path /m/var/cache -o -path /m/var/tmp \
    -o -name lost+found \) -prune \
    -o \( -type f -o -type l -o -type d \) -cnewer "$born" -print0 | sort -z >new
grep -zvxFf same new >list || [ $? -eq 1 ]
""".replace("NOTICE", NOTICE.removeprefix("/etc/"))
_NAMES = (
    _LIST
    + r"""
while IFS= read -r -d '' path; do
    [ -L "$path" ] || [ ! -d "$path" ] && printf '%s\0' "${path#/m}"
done <list
true
"""
)
# as a tar; with names in place of numbers, which may be others in a later image
_TAKE = (
    _LIST
    + r"""
tar -cpf - --sparse --transform='flags=r;s|^tmp/gone|.gone|;s|^m/||' -C / tmp/gone \
    --no-recursion --null --files-from=list
"""
)
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID")


def own_machines(session: Session, engine: Engine) -> dict[str, str]:
    """The containers of a sandbox's own machines that run; visitors' are nobody's work."""
    up = running(engine, session.name)
    return {name: up[name] for name in _own(session) if name in up}


def made(session: Session) -> dict[str, Container]:
    """The containers of a sandbox's own machines, whether or not they run, by machine."""
    found = {one["Labels"][f"{LABEL}.machine"]: one for one in Engine().containers(session.name)}
    return {name: found[name] for name in _own(session) if name in found}


def _own(session: Session) -> list[str]:
    return [name for name, one in session.lab.machines.items() if not one.visiting]


def take(lab: str, target: Path, about: Mapping[str, Any], ending: bool = False) -> int:
    """Write the work on a sandbox's machines to an archive; its size in bytes.

    They stand still meanwhile; where the sandbox is ``ending`` they are stopped for good. Whether
    they run does not matter. The archive appears whole or not at all. LabctlError where a machine
    is not there, says too much, or does not come to an end.
    """
    session = Session(lab, dry=True, running=True)
    containers = made(session)
    if missing := [name for name in _own(session) if name not in containers]:
        raise LabctlError(
            f"{lab}: {', '.join(missing)} is not there, so its work cannot be read",
            f"`labctl up {lab}` starts it",
        )
    if not all(one["State"] == "running" for one in containers.values()):
        limiting.attach_alike(session, [lab])  # after a reboot the disks of those are not there
    new = target.with_name(f".{target.name}.new")
    with explained(target):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                still = _stopped if ending else _still
                said = {**about, "lab": lab, "time": stamp(), "begun": begun.begun(lab)}
                _fill(file, target.parent, containers, said, still)
                file.flush()
                os.fsync(file.fileno())
            new.rename(target)
        finally:
            new.unlink(missing_ok=True)
    return target.stat().st_size


@contextmanager
def _stopped(container: Container) -> Iterator[None]:
    if is_up([container]):
        api.call("POST", f"/containers/{container['Id']}/stop?t=10")
    yield


@contextmanager
def _still(container: Container) -> Iterator[None]:
    """No process of a machine runs meanwhile; one that starts again and again is stopped."""
    if container["State"] == "running":
        with standing_still(container["Id"]):
            yield
        return
    try:
        with _stopped(container):
            yield
    finally:
        if is_up([container]):
            api.call("POST", f"/containers/{container['Id']}/start")


def _fill(
    file: IO[bytes],
    folder: Path,
    containers: Mapping[str, Container],
    about: Mapping[str, Any],
    still: Callable[[Container], AbstractContextManager[None]],
) -> None:
    with (
        gzip.GzipFile(fileobj=file, mode="wb", compresslevel=4, filename="") as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        said = json.dumps(about, ensure_ascii=False, indent=1).encode()
        _add(archive, ABOUT, io.BytesIO(said), len(said))
        for name, container in containers.items():
            with tempfile.TemporaryFile(dir=folder) as spool:
                with still(container):
                    size = _drain(container["Id"], spool, name)
                spool.seek(0)
                _add(archive, f"{name}.tar", spool, size)


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(time.time())
    archive.addfile(member, content)


def _drain(container: str, target: IO[bytes], machine: str) -> int:
    """What the machine hands over, in a file; its size."""
    command = on_volumes(container, _TAKE)
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    watch = threading.Timer(SECONDS + 10, process.kill)
    watch.start()
    with process:
        try:
            assert process.stdout
            size = _copied(process.stdout, target, machine)
            status = process.wait()
        finally:
            watch.cancel()
            process.kill()  # nothing where it has ended
            helper.end(command)
    if status:
        raise LabctlError(f"{machine} does not hand its work over (status {status})")
    return size


def on_volumes(container: str, program: str) -> list[str]:
    """The command that runs one of the programs above, with the volumes of a machine."""
    seen = api.inspected(container)
    mounts = [one for one in seen["Mounts"] if one["Type"] == "volume"]
    volumes = tuple(f"{one['Name']}:/m{one['Destination']}" for one in mounts)
    one_time = Helper(seen["Image"], _CAPABILITIES, "none", volumes, (), "/bin/bash", "/m")
    return one_time.command(program, *(f"/m{one['Destination']}" for one in mounts))


def changed(container: str) -> tuple[str, ...]:
    """The files of a machine that are new or not as labctl left them; so many as it tells."""
    command = on_volumes(container, _NAMES)
    try:
        ran = bounded.run(command, 60, limit=1 << 20)
    finally:
        helper.end(command)
    return tuple(name.decode(errors="replace") for name in ran.out.split(b"\0") if name)


def _copied(source: IO[bytes], target: IO[bytes], machine: str) -> int:
    size = 0
    while data := source.read(_CHUNK):
        size += target.write(data)
        if size > MOST:
            raise LabctlError(f"{machine} has more work than {MOST >> 20} MiB")
    return size


def archive(record: ClassRecord, name: str) -> Path:
    """Where an archive of a class lies."""
    return registry.folder(record.name) / ARCHIVES / name


def stamp(now: datetime | None = None) -> str:
    """A time as it stands in the name of an archive (ISO 8601, basic form)."""
    return (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")


def is_up(containers: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any of a sandbox's containers runs, or would but for what is wrong with it."""
    return any(one["State"] not in _ENDED for one in containers)


def by_lab() -> dict[str, list[Container]]:
    """The containers of all labs on this host, by lab."""
    found: dict[str, list[Container]] = {}
    for container in Engine().containers():
        found.setdefault(container["Labels"][f"{LABEL}.lab"], []).append(container)
    return found
