"""Captures of a lab: which wire is meant, where its packets go, whose keys open them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from labctl import pcap
from labctl.engines import api, capture
from labctl.engines.capture import Wire
from labctl.engines.compose import Engine
from labctl.engines.helper import tools
from labctl.errors import LabctlError
from labctl.model import KEY_LOG, Lab
from labctl.render.compose import LABEL
from labctl.spec.problems import nearest, printable
from labctl.work.execute import running
from labctl.work.session import Session
from labctl.work.visitor import visiting

_LINK = "com.docker.compose.network"
_ENDS = "; Ctrl-C ends it"
_LOG_LIMIT = 16 * 2**20  # bytes of a key log


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be captured: a machine or a network of a lab ("" is the Internet's), and how."""

    lab: str
    where: str = ""
    expression: str = ""
    seconds: float = capture.LONGEST
    count: int = 0
    decrypt: bool = False


Say = Callable[[str], None]


def to_file(order: Order, path: Path, fresh: bool, say: Say) -> str:
    """Capture into a file that only its owner reads; what tcpdump counted.

    A ``fresh`` one must not be there yet. LabctlError where the lab has no such wire, no machine
    that logs its keys, or tcpdump refuses.
    """
    if order.decrypt and path.exists() and not path.is_file():
        raise LabctlError(
            f"{path} is a pipe or a device: keys are put before the packets when all are there",
            "`--out FILE` names a file",
            status=2,
        )
    logs = key_logs(_session(order).lab) if order.decrypt else {}
    with _wire(order, say) as wire:
        words = capture.words(wire, order.expression, order.count, live=False)
        with _opened(path, fresh) as (file, named):

            def started() -> None:
                named()
                say(f"capturing into {path}{_ENDS}")

            told = capture.capture(wire, words, file, order.seconds, started)
        if order.decrypt:
            told += _decrypted(path, _read(logs, order.lab))
    return told


def live(order: Order, show: Say, say: Say) -> str:
    """Show packets as they pass, as text; what tcpdump counted."""
    with _wire(order, say) as wire:
        words = capture.words(wire, order.expression, order.count, live=True)
        return capture.capture(
            wire, words, lambda line: show(printable(line)), order.seconds,
            lambda: say(f"capturing{_ENDS}"),
        )  # fmt: skip


@contextmanager
def _wire(order: Order, say: Say) -> Iterator[Wire]:
    """Where to listen; a machine that only visits is there meanwhile."""
    found = running(Engine(), order.lab)
    if not found:
        raise LabctlError(f"{order.lab} is not up", f"`labctl up {order.lab}` brings it up")
    tools(lambda: say("building the image with tcpdump, once"))
    networks = {one["Labels"].get(_LINK): one for one in api.networks([f"{LABEL}.lab={order.lab}"])}
    session = _session(order)
    visitors = {one.name for one in session.lab.machines.values() if one.visiting}
    where = order.where or session.lab.networks[0].name
    if where in found:
        yield capture.of_machine(found[where])
    elif where in networks:
        yield capture.of_segment(networks[where])
    elif where in visitors:
        with visiting(session) as containers:
            yield capture.of_machine(containers[where])
    else:
        known = nearest(where, [*found, *networks, *visitors])
        raise LabctlError(f"{order.lab} has no machine and no network '{where}'", known, 2)


def _session(order: Order) -> Session:
    return Session(order.lab, dry=True, running=True)


@contextmanager
def _opened(path: Path, fresh: bool) -> Iterator[tuple[IO[bytes], Callable[[], None]]]:
    """A file for packets, which may have passwords in them, and what gives it its name.

    What had the name before is lost then, and not when tcpdump refuses.
    """
    if fresh and path.exists():
        raise LabctlError(f"{path} is there already", "`--out FILE` names another", 2)
    if path.exists() and not path.is_file():  # a pipe to Wireshark
        with path.open("wb") as file:
            yield file, lambda: None
        return
    real = path.resolve()
    with NamedTemporaryFile(dir=real.parent, prefix=f".{real.name}.", delete=False) as file:
        try:
            yield file, lambda: os.replace(file.name, real)
        finally:
            Path(file.name).unlink(missing_ok=True)


def key_logs(lab: Lab) -> dict[str, str]:
    """Where a lab's machines write down the keys of their TLS connections, by machine."""
    machines = lab.machines.values()
    found = {one.name: one.environment[KEY_LOG] for one in machines if KEY_LOG in one.environment}
    if not found:
        raise LabctlError(
            f"no machine of {lab.name} logs its TLS keys, so nobody can read what it says",
            "the lab file allows it: `client: {tls-keylog: true}` under `services:`",
        )
    return found


def _decrypted(path: Path, log: bytes) -> str:
    """Put the keys of a capture's connections into its file; how many there were."""
    found = pcap.read(path.read_bytes())
    keys = pcap.keys_of(found, log)
    with _opened(path, fresh=False) as (file, named):
        file.write(pcap.with_keys(found, keys))
        file.flush()
        named()
    connections = {line.split()[1] for line in keys.splitlines()}
    return f", the keys of {len(connections)} TLS connections with them"


def _read(logs: Mapping[str, str], lab: str) -> bytes:
    """The ends of the key logs of all machines that run; one without a connection has none."""
    containers = running(Engine(), lab)
    there = [(containers[name], path) for name, path in logs.items() if name in containers]
    words = ("tail", f"--bytes={_LOG_LIMIT}", "--")
    read = [api.exec_in(one, [*words, path], limit=2 * _LOG_LIMIT) for one, path in there]
    return b"".join(one.output.encode() for one in read if one.status == 0)
