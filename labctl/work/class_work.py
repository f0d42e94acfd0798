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
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from labctl.checks import bounded
from labctl.classes import registry
from labctl.classes.record import ClassRecord
from labctl.engines import api
from labctl.engines.compose import Engine
from labctl.engines.helper import Helper
from labctl.errors import LabctlError
from labctl.keep.files import explained
from labctl.render.compose import LABEL
from labctl.spec.problems import shown
from labctl.work import limiting
from labctl.work.execute import Report, running, wait
from labctl.work.provider_snapshots import standing_still
from labctl.work.session import Session

SECONDS = 300.0
MOST = 2 * 2**30  # bytes that one machine may hand over
ABOUT = "about.json"
ARCHIVES = "archive"
_CHUNK = 1 << 20
_SAID = 1 << 16
Container = Mapping[str, Any]
NOTICE = "/etc/profile.d/labctl-notice.sh"

# Lists what is on a machine's volumes, which are mounted below /m ($@), and neither in its image
# nor as labctl left it. It runs in a container of its own, of the machine's image: nothing that a
# student can change runs there, and it may read what is not root's.
_LIST = r"""
state=/m/var/lib/labctl
born=$state/born
[ -e "$born" ] || born=$state/generation
cd /tmp
sed -E 's/^([0-9a-f]+) .*/\1/' "$state/manifest" >sums
sed -E 's/^([^ ]+ ){4}//' "$state/manifest" | xargs -r -d '\n' realpath -m -- >paths
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
_PUT = r"""
tar -C /m -xpf -
while IFS= read -r path; do rm -f -- "/m$path"; done </m/.gone
"""
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID")


def own_machines(session: Session, engine: Engine) -> dict[str, str]:
    """The containers of a sandbox's own machines that run; visitors' are nobody's work."""
    up = running(engine, session.name)
    return {name: up[name] for name in _own(session) if name in up}


def _own(session: Session) -> list[str]:
    return [name for name, one in session.lab.machines.items() if not one.visiting]


def take(lab: str, target: Path, about: Mapping[str, Any], ending: bool = False) -> int:
    """Write the work on a sandbox's machines to an archive; its size in bytes.

    They stand still meanwhile; where the sandbox is ``ending`` they are stopped for good. The
    archive appears whole or not at all. LabctlError where a machine does not run, says too much, or
    does not come to an end.
    """
    session, engine = Session(lab, dry=True, running=True), Engine()
    containers = own_machines(session, engine)
    if missing := [name for name in _own(session) if name not in containers]:
        raise LabctlError(
            f"{lab}: {', '.join(missing)} does not run, so its work cannot be read",
            f"`labctl up {lab}` starts it",
        )
    new = target.with_name(f".{target.name}.new")
    with explained(target):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.unlink(missing_ok=True)
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                still = _stopped if ending else standing_still
                said = {**about, "lab": lab, "time": stamp()}
                _fill(file, target.parent, containers, said, still)
                file.flush()
                os.fsync(file.fileno())
            new.rename(target)
        finally:
            new.unlink(missing_ok=True)
    return target.stat().st_size


@contextmanager
def _stopped(container: str) -> Iterator[None]:
    api.call("POST", f"/containers/{container}/stop?t=10")
    yield


def _fill(
    file: IO[bytes],
    folder: Path,
    containers: Mapping[str, str],
    about: Mapping[str, Any],
    still: Callable[[str], AbstractContextManager[None]],
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
                    size = _drain(container, spool, name)
                spool.seek(0)
                _add(archive, f"{name}.tar", spool, size)


def _add(archive: tarfile.TarFile, name: str, content: IO[bytes], size: int) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(time.time())
    archive.addfile(member, content)


def _drain(container: str, target: IO[bytes], machine: str) -> int:
    """What the machine hands over, in a file; its size."""
    command = _on_volumes(container, _TAKE)
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
    if status:
        raise LabctlError(f"{machine} does not hand its work over (status {status})")
    return size


def _on_volumes(container: str, program: str) -> list[str]:
    """The command that runs one of the programs above, with the volumes of a machine."""
    seen = api.inspected(container)
    mounts = [one for one in seen["Mounts"] if one["Type"] == "volume"]
    volumes = tuple(f"{one['Name']}:/m{one['Destination']}" for one in mounts)
    helper = Helper(seen["Image"], _CAPABILITIES, volumes=volumes, interpreter="/bin/bash")
    return helper.command(program, *(f"/m{one['Destination']}" for one in mounts))


def changed(container: str) -> tuple[str, ...]:
    """The files of a machine that are new or not as labctl left them; so many as it tells."""
    ran = bounded.run(_on_volumes(container, _NAMES), 60, limit=1 << 20)
    return tuple(name.decode(errors="replace") for name in ran.out.split(b"\0") if name)


def _copied(source: IO[bytes], target: IO[bytes], machine: str) -> int:
    size = 0
    while data := source.read(_CHUNK):
        size += target.write(data)
        if size > MOST:
            raise LabctlError(f"{machine} has more work than {MOST >> 20} MiB")
    return size


def put_back(lab: str, archive: Path, report: Report) -> None:
    """Put an archive's work on the machines of a sandbox that is up, and start them anew.

    LabctlError where the archive is gone or damaged, or a machine does not take all of it.
    """
    session, engine = Session(lab, dry=True, running=True), Engine()
    containers = own_machines(session, engine)
    touched: dict[str, str] = {}
    with explained(archive), session.state.locked():
        try:
            with tarfile.open(archive, "r:gz") as packed:
                for member in packed:
                    machine = member.name.removesuffix(".tar")
                    if machine in containers:
                        report(machine, "putting work back")
                        touched[machine] = containers[machine]
                        api.call("POST", f"/containers/{containers[machine]}/stop?t=10")
                        _hand_over(containers[machine], machine, packed, member)
        except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise LabctlError(f"{archive}: the archive is damaged: {error}") from None
        finally:
            _started_anew(session, touched, engine, report)


def _hand_over(
    container: str, machine: str, packed: tarfile.TarFile, member: tarfile.TarInfo
) -> None:
    source = packed.extractfile(member)
    assert source
    with tempfile.TemporaryFile() as spool:
        while data := source.read(_CHUNK):
            spool.write(data)
        spool.seek(0)
        command = _on_volumes(container, _PUT)
        with tempfile.TemporaryFile() as errors:
            status = _ran(command, spool, errors)
            errors.seek(0)
            said = errors.read(_SAID).decode(errors="replace").strip().splitlines()
    if status:
        last = shown(said[-1], 200) if said else f"status {status}"
        raise LabctlError(f"{machine} did not take all of its work back: {last}")


def _ran(command: Sequence[str], source: IO[bytes], errors: IO[bytes]) -> int:
    """The exit status of a command that reads ``source``; 124 where it does not end."""
    try:
        return subprocess.call(
            command, stdin=source, stdout=subprocess.DEVNULL, stderr=errors, timeout=SECONDS + 10
        )
    except subprocess.TimeoutExpired:
        return 124


def _started_anew(
    session: Session, containers: Mapping[str, str], engine: Engine, report: Report
) -> None:
    for machine, container in containers.items():
        report(machine, "starting")
        api.call("POST", f"/containers/{container}/start")
    limiting.started(session, containers)
    wait(containers, engine, report, containers)


def archive(record: ClassRecord, name: str) -> Path:
    """Where an archive of a class lies."""
    return registry.folder(record.name) / ARCHIVES / name


def stamp(now: datetime | None = None) -> str:
    """A time as it stands in the name of an archive (ISO 8601, basic form)."""
    return (now or datetime.now(UTC)).strftime("%Y%m%dT%H%M%SZ")


def is_up(containers: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any of a sandbox's containers runs."""
    return any(one["State"] == "running" for one in containers)


def by_lab() -> dict[str, list[Container]]:
    """The containers of all labs on this host, by lab."""
    found: dict[str, list[Container]] = {}
    for container in Engine().containers():
        found.setdefault(container["Labels"][f"{LABEL}.lab"], []).append(container)
    return found
