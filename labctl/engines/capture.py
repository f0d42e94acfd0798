"""Packets as they pass, written down by tcpdump(8) in a helper beside a machine.

The helper joins the network namespace of the machine, or the engine's host for a whole segment.
tcpdump opens the wire (NET_RAW), then becomes a user without any capability, as Debian has it
(SETUID, SETGID; KILL is to end that user's process). It goes on as long as its standard input is
open, so it ends, with a whole file, also where whoever has started it was killed.
"""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import IO, Any

from labctl.engines.helper import Helper, ending, tools
from labctl.errors import LabctlError
from labctl.spec.problems import shown

LONGEST = 3600  # seconds
_CAPABILITIES = ("KILL", "NET_RAW", "SETGID", "SETUID")
_GRACE = 15.0  # seconds in which a capture ends that was asked to
_LISTENING = "listening on "
_BRIDGE = "com.docker.network.bridge.name"

# tcpdump until it has enough, or until nobody holds the helper's standard input any more
_PROGRAM = """
exec 3<&0
tcpdump "$@" 3<&- </dev/null &
one=$!
{ cat <&3; kill -TERM "$one"; } >/dev/null 2>&1 &
wait "$one"
"""


@dataclass(frozen=True, slots=True)
class Wire:
    """Where packets pass: a network as ``docker run`` takes it, and an interface there."""

    network: str
    interface: str


def of_machine(container: str) -> Wire:
    """All interfaces of a running machine, its loopback too."""
    return Wire(f"container:{container}", "any")


def of_segment(network: Mapping[str, Any]) -> Wire:
    """The bridge of a segment, by what the engine says of the network."""
    named: str = (network.get("Options") or {}).get(_BRIDGE, "")
    return Wire("host", named or f"br-{network['Id'][:12]}")


def words(wire: Wire, expression: str, count: int, live: bool) -> list[str]:
    """The arguments of tcpdump: a file on standard output, or text line by line."""
    how = ["-l", "-A"] if live else ["-U", "-w", "-"]
    bound = [f"-c{count}"] if count else []
    # nothing waits in a buffer of the kernel's, where it would be lost at the end
    return ["-i", wire.interface, "-n", "--immediate-mode", *how, *bound, "--", expression]


def capture(
    wire: Wire,
    arguments: Sequence[str],
    target: IO[bytes] | Callable[[str], None],
    seconds: float,
    started: Callable[[], None],
) -> str:
    """Run tcpdump to its end, for so many seconds at most, or until a signal; what it counts.

    ``target`` is a file, or is told each line of text. ``started`` is called once packets are
    seen. LabctlError with tcpdump's words where it fails.
    """
    helper = Helper(tools(), _CAPABILITIES, wire.network, seconds=seconds + 4 * _GRACE)
    with ending(helper.command(_PROGRAM, *arguments)) as command:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.PIPE,
            stdout=subprocess.PIPE if callable(target) else target,
            start_new_session=True,  # the terminal's Ctrl-C is ours alone
        )  # fmt: skip
        with process, _stopping(process) as stop:
            _hear_start(process)
            started()
            with _read_out(process, target, stop):
                said = _last_words(process, stop, seconds)
    if process.returncode != 0:
        raise _failed(said)
    return _counted(said)


@contextmanager
def _stopping(process: subprocess.Popen[bytes]) -> Iterator[Callable[[], None]]:
    """What stops a capture; the first signal does so, too, the second one gives up."""
    asked = threading.Event()

    def stop() -> None:
        asked.set()
        assert process.stdin is not None
        process.stdin.close()

    def by_signal(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        stop()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [(number, signal.signal(number, by_signal)) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in before:
            signal.signal(number, handler or signal.SIG_DFL)


@contextmanager
def _read_out(
    process: subprocess.Popen[bytes],
    target: IO[bytes] | Callable[[str], None],
    stop: Callable[[], None],
) -> Iterator[None]:
    """Tell what it prints to a target that is told lines, to the last of them.

    One that cannot be told any more (``| head``) stops the capture: its OSError is raised then.
    """
    if not callable(target):
        yield
        return
    trouble: list[OSError] = []

    def tell() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                if not trouble:
                    target(line.decode(errors="replace").rstrip("\n"))
            except OSError as error:
                trouble.append(error)
                stop()

    reader = threading.Thread(target=tell)
    reader.start()
    try:
        yield
    finally:
        reader.join()
    if trouble:
        raise trouble[0]


def _hear_start(process: subprocess.Popen[bytes]) -> None:
    """Wait until tcpdump sees packets; LabctlError where it ends before."""
    assert process.stderr is not None
    said = ""
    for line in process.stderr:
        said += line.decode(errors="replace")
        if _LISTENING in said:
            return
    process.wait()
    raise _failed(said)


def _last_words(process: subprocess.Popen[bytes], stop: Callable[[], None], seconds: float) -> str:
    """Wait for the end; what tcpdump says then."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        stop()
        process.wait(_GRACE)
    assert process.stderr is not None
    return process.stderr.read().decode(errors="replace")


def _failed(said: str) -> LabctlError:
    """Why there is no capture, in the words of tcpdump or the engine."""
    lines = [shown(line.strip(), 300) for line in said.splitlines() if line.strip()]
    told = [line.removeprefix("tcpdump: ") for line in lines if line.startswith("tcpdump: ")]
    wrong = "filter expression" in said
    hint = "`man pcap-filter` has the words, for example `tcp port 80 and host 198.18.0.7`"
    reason = (told or lines or ["it ended without a word"])[-1]
    return LabctlError(f"tcpdump: {reason}", hint if wrong else "", 2 if wrong else None)


def _counted(said: str) -> str:
    """How many packets there were, as tcpdump says it."""
    lines = [line for line in said.splitlines() if "packet" in line and "captured" in line]
    return lines[-1] if lines else "captured until it was stopped"
