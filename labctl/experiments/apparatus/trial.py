"""A lab of an experiment's own: a copy under another name, up, looked at, and gone again.

Whatever else runs on the host is not touched: the copy has a name, a state directory, an
authority, subnets and host ports of its own.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from labctl.engines.compose import Engine
from labctl.engines.state import State
from labctl.errors import LabctlError
from labctl.experiments import Say
from labctl.experiments.apparatus.lab_file import LabFile
from labctl.host import addresses
from labctl.keep import data_home, lab_home
from labctl.model import PlatformName
from labctl.spec.fields import Name
from labctl.work.bring import bring_up
from labctl.work.execute import build_images
from labctl.work.session import LAB_FILE, Choices, Session, state_directory
from labctl.work.takedown import take_down

SOURCE = "source"  # where the copy lies in its lab's state directory: it goes with it
Handler = Callable[[int, FrameType | None], Any] | signal.Handlers
_TRIES = 3
_SUBNETS = ("subnet", "dmz", "lan")  # keys with addresses that the running lab may have


def trial_name(lab: str, platform: PlatformName) -> str:
    """The name of a lab's copy on a platform."""
    return tailed(lab, f"-cmp-{platform}")


def tailed(lab: str, tail: str) -> str:
    """A lab's name with a tail, cut where it would be too long."""
    return lab[: Name.max_length - len(tail)].rstrip("-") + tail


class Changing:
    """The copy's own file and folder, and bringing what was changed in them to its machines."""

    def __init__(self, folder: Path, choices: Choices, say: Say) -> None:
        self.folder = folder
        self.choices = choices
        self.say = say
        self.file = LabFile(folder / LAB_FILE)

    def lay_over(self, files: Mapping[str, bytes]) -> None:
        """Write files of the folder; a lab file is merged into the one that is there.

        ValueError where a link leads out of the folder, or a lab file is none.
        """
        for path, data in files.items():
            target = self.folder / path
            if path == LAB_FILE:
                self.file.merge(data.decode("utf-8-sig"))
            elif not target.resolve().is_relative_to(self.folder.resolve()):
                raise ValueError(f"{path} leads out of the lab's folder, by a link")
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)

    def build_images(self) -> None:
        """Build what the engine lacks: that takes minutes, once, and is no lab's doing."""
        told: set[str] = set()

        def report(machines: str, state: str) -> None:
            if machines not in told:
                told.add(machines)
                self.say(f"building the image of {machines}")

        build_images(Session(str(self.folder), self.choices, dry=True), Engine(), report)

    def up(self) -> tuple[Session, float]:
        """``labctl up``: the lab as it is now, and the seconds that it took."""
        start = time.monotonic()
        planned = bring_up(str(self.folder), self.choices, (), _quietly, _quietly)
        return planned.session, time.monotonic() - start


def _quietly(*_: object) -> None:
    """Nobody is told: a step of an experiment is more than this."""


@contextlib.contextmanager
def trial(file: Path, name: str, platform: PlatformName, say: Say) -> Iterator[Changing]:
    """A copy of the lab in ``file`` called ``name``, not up yet; in the end nothing of it is left.

    LabctlError where another trial is going on: two would measure each other.
    """
    with _alone(), _stopped_by_signals():
        remove(name)
        try:
            yield _copied(file, name, platform, say)
        finally:
            with _undisturbed():
                say(f"taking {name} down")
                remove(name)


def _copied(file: Path, name: str, platform: PlatformName, say: Say) -> Changing:
    state = State(state_directory(name))
    state.prepare()
    folder = state.directory / SOURCE
    shutil.copytree(file.parent, folder, symlinks=True, ignore=_left_out)
    if file.name != LAB_FILE:
        shutil.copy(file, folder / LAB_FILE)
    http, https, *others = free_ports(2 + LabFile(folder / LAB_FILE).exposed())
    choices = Choices(name=name, http=http, https=https, public=False, on=platform)
    changing = Changing(folder, choices, say)
    changing.file.drop(*_SUBNETS)
    changing.file.expose_at(others)
    return changing


def _left_out(folder: str, names: list[str]) -> set[str]:
    """What is no content of a lab, and the states of labs, which may lie in its folder."""
    hidden = shutil.ignore_patterns(".*", "__pycache__", "node_modules")(folder, names)
    states = state_directory("any").parent
    return hidden | {name for name in names if Path(folder, name).absolute() == states}


def remove(name: str) -> None:
    """Take a copy down with all that it keeps, also what a killed command has left of one.

    LabctlError where something resists.
    """
    for attempt in range(1, _TRIES + 1):
        if not _there(name):
            return
        try:
            take_down(name, keep_data=False, purge=True)
        except LabctlError:  # perhaps the engine is still busy with what a signal has cut off
            if attempt == _TRIES:
                raise
            Engine().settle(name)


def _there(name: str) -> bool:
    if state_directory(name).exists() or lab_home(name).exists():
        return True
    engine = Engine()
    return bool(engine.containers(name)) or engine.has_network(name)


def free_ports(count: int) -> list[int]:
    """Ports of this host that nobody holds on its loopback addresses."""
    with contextlib.ExitStack() as stack:
        found: list[int] = []
        while len(found) < count:
            probe = stack.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            if _free(port):
                found.append(port)
        return found


def _free(port: int) -> bool:
    """Whether a port is free where labs publish: for TCP and UDP, on ::1 where there is one."""
    places = [(socket.AF_INET, "127.0.0.1", socket.SOCK_DGRAM)]
    if addresses.has_ipv6_loopback():
        kinds = (socket.SOCK_STREAM, socket.SOCK_DGRAM)
        places += [(socket.AF_INET6, "::1", kind) for kind in kinds]
    for family, address, kind in places:
        with contextlib.closing(socket.socket(family, kind)) as probe:
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One trial at a time."""
    directory = data_home()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LabctlError(
            "another experiment is going on, and two would measure each other",
            "wait for its end",
        ) from None


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """A terminal that closes, or `kill`, ends a trial as Ctrl-C does: with everything removed."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handling(dict.fromkeys((signal.SIGTERM, signal.SIGHUP), stop)):
        yield


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Signals wait: what was brought up is taken down first."""
    asked = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    with _handling(dict.fromkeys(asked, signal.SIG_IGN)):
        yield


@contextlib.contextmanager
def _handling(handlers: Mapping[signal.Signals, Handler]) -> Iterator[None]:
    """Other handlers for some signals; only the main thread may have them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [(number, signal.signal(number, handler)) for number, handler in handlers.items()]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler or signal.SIG_DFL)
