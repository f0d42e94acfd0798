"""A student's work put back: an archive read to its end, and handed to the machines it is of."""

from __future__ import annotations

import gzip
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from labctl.engines import api, helper
from labctl.engines.compose import Engine
from labctl.errors import LabctlError
from labctl.keep.files import explained
from labctl.spec.problems import shown
from labctl.work import begun, limiting
from labctl.work.class_work import ABOUT, SECONDS, on_volumes, own_machines
from labctl.work.execute import Report, wait
from labctl.work.session import Session

_CHUNK = 1 << 20
_SAID = 1 << 16
_PUT = r"""
tar -C / -xpf - --transform='flags=r;s|^|m/|;s|^m/\.gone$|tmp/gone|'
while IFS= read -r path; do rm -f -- "/m$path"; done </tmp/gone
"""


def verify(archive: Path) -> None:
    """Read an archive to its end. LabctlError where it is gone or damaged."""
    with explained(archive), _intact(archive):
        with gzip.open(archive) as packed:
            while packed.read(_CHUNK):  # up to its checksum
                pass
        with tarfile.open(archive, "r:gz") as members:
            if ABOUT not in members.getnames():
                raise tarfile.ReadError("it does not say what it is of")


@contextmanager
def _intact(archive: Path) -> Iterator[None]:
    """What a damaged archive raises, as an error for users."""
    try:
        yield
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise LabctlError(f"{archive}: the archive is damaged: {error}") from None


def put_back(lab: str, archive: Path, report: Report) -> None:
    """Put an archive's work on the machines of a sandbox that is up, and start them anew.

    LabctlError where the archive is gone or damaged, or a machine does not take all of it.
    """
    session, engine = Session(lab, dry=True, running=True), Engine()
    containers = own_machines(session, engine)
    touched: dict[str, str] = {}
    with explained(archive), session.state.locked(), _intact(archive):
        try:
            with tarfile.open(archive, "r:gz") as packed:
                for member in packed:
                    machine = member.name.removesuffix(".tar")
                    if member.name == ABOUT and (source := packed.extractfile(member)):
                        begun.restored(lab, source.read(_SAID))
                    if machine in containers:
                        report(machine, "putting work back")
                        touched[machine] = containers[machine]
                        api.call("POST", f"/containers/{containers[machine]}/stop?t=10")
                        _hand_over(containers[machine], machine, packed, member, archive.parent)
        finally:
            _started_anew(session, touched, engine, report)


def _hand_over(
    container: str, machine: str, packed: tarfile.TarFile, member: tarfile.TarInfo, folder: Path
) -> None:
    source = packed.extractfile(member)
    assert source
    with tempfile.TemporaryFile(dir=folder) as spool:
        while data := source.read(_CHUNK):
            spool.write(data)
        spool.seek(0)
        command = on_volumes(container, _PUT)
        with tempfile.TemporaryFile() as errors:
            try:
                status = _ran(command, spool, errors)
            finally:
                helper.end(command)
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
