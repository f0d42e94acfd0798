"""What a hostile sandbox costs its neighbours: a steady client at their doors, meanwhile.

``Steady`` asks and keeps every answer's time; ``hostile`` does one kind of harm on a machine. The
harm is a program (``shipped/hostile.py``) that runs there as root, as its student could.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from labctl.experiments.apparatus.load import percentile

HARM = ("processors", "memory", "forks", "disk", "log", "packets", "requests", "connections",
        "door")  # fmt: skip
PATIENCE = 5.0  # seconds for one answer
_TIDY = ("find", "/", "-maxdepth", "4", "-path", "/proc", "-prune", "-o", "-type", "d",
         "-name", "hostile", "-prune", "-exec", "rm", "-rf", "{}", "+")  # fmt: skip
PROGRAM = Path(__file__).parent / "shipped" / "hostile.py"


@dataclass(slots=True)
class Answers:
    """What a client got: seconds of each request, and why some have failed."""

    seconds: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def milliseconds(self, share: float) -> float:
        """The time within which this share of requests was answered."""
        return percentile(self.seconds, share) * 1000


class Steady:
    """Asks sites at a steady rate while it is entered: host name → the unix socket of its door."""

    def __init__(self, sites: Mapping[str, Path], rate: float = 25.0) -> None:
        self.answers = Answers()
        self._sites, self._pause = sites, 1 / rate
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=site) for site in sites.items()]

    def __enter__(self) -> Answers:
        for thread in self._threads:
            thread.start()
        return self.answers

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, host: str, door: Path) -> None:
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            start = time.monotonic()
            try:
                status = asked(host, door)
            except OSError as error:
                status = repr(error)
            seconds = time.monotonic() - start
            self.answers.seconds.append(seconds)
            if not status.startswith("HTTP/1.1 200 "):
                self.answers.failures.append(f"{host}: {status} after {seconds:.2f} s")
            due = max(due + self._pause, time.monotonic() - 1)


def asked(host: str, door: Path, path: str = "/") -> str:
    """The first line of a site's answer at a door, once all of it has come; OSError."""
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(PATIENCE)
        one.connect(str(door))
        one.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b"".join(iter(lambda: one.recv(65536), b""))
    return answer.partition(b"\r\n")[0].decode(errors="replace")


@contextlib.contextmanager
def hostile(container: str, harm: str, seconds: float, other: str = "") -> Iterator[None]:
    """One kind of harm on a machine, in full swing; ended after so long at the latest.

    ``other`` is the lab at whose door harm of the kind ``door`` points. The engine's kernel may end
    such a program before it has taken back what it wrote, so that is done here as well: a machine
    whose memory is full of files has none left for the next program.
    """
    words = ["docker", "exec", "-i", container, "python3", "-", harm, str(seconds), other]
    with PROGRAM.open("rb") as program:
        process = subprocess.Popen(
            words, stdin=program, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
    try:
        assert process.stdout
        process.stdout.readline()  # it has what it can get, or has been killed
        yield
    finally:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds + PATIENCE)
        subprocess.run(["docker", "exec", container, *_TIDY], check=False, timeout=60)
        process.kill()
        process.wait()


def measured(
    sites: Mapping[str, Path], container: str, harm: str = "", seconds: float = 8.0, other: str = ""
) -> Answers:
    """How sites answer for some seconds, all quiet or while harm is done elsewhere."""
    quiet = contextlib.nullcontext()
    doing = hostile(container, harm, seconds, other) if harm else quiet
    with Steady(sites) as answers, doing:
        time.sleep(seconds / 2)  # how long the sites are asked; the harm goes on for twice that
    return answers
