"""Be a bad neighbour, for a number of seconds: ``cpu``, ``memory`` or ``forks``.

Standard input is the work: ``what`` and ``seconds``. It says ``full`` once it has what it can
get. Every process of it has an alarm set before it does anything, and dies of it on its own: a
machine that is full has no room for a process that would clean up.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import sys
import time

PART = 8 * 2**20  # bytes taken at a time
PAUSE = 0.05  # seconds before trying again what the machine refuses


def left(end: float) -> float:
    """Seconds until the end."""
    return max(0.01, end - time.monotonic())


def full() -> None:
    """Tell that there is no more to be had."""
    os.write(1, b"full\n")


def child(end: float) -> bool:
    """Fork; True in the child, which will not outlive the end. OSError where there is no room."""
    if os.fork():
        return False
    signal.setitimer(signal.ITIMER_REAL, left(end))
    return True


def burn_processors(end: float) -> None:
    """More processes that count than there are processors."""
    for _ in range(8):
        if child(end):
            while True:
                pass
    full()


def eat_memory(end: float) -> None:
    """Take memory and use it; when the machine kills the one that does, start another."""
    said = False
    while time.monotonic() < end:
        if child(end):
            taken: list[mmap.mmap] = []
            while True:
                try:
                    part = mmap.mmap(-1, PART)
                    for page in range(0, PART, 4096):
                        part[page] = 1
                    taken.append(part)
                except OSError:
                    time.sleep(PAUSE)  # all is taken: hold it, ask for more
        os.wait()  # until it is killed: by the machine, or by its alarm
        if not said:
            full()
            said = True


def fork_without_end(end: float) -> None:
    """Every process forks as often as it is let."""
    said = False
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    first = os.getpid()
    while time.monotonic() < end:
        try:
            child(end)  # parent and child both go on
        except OSError:
            if os.getpid() == first and not said:
                full()
                said = True
            time.sleep(PAUSE)  # no room for one more: try again


def main() -> None:
    """Make noise, then kill all that made it."""
    work = json.load(sys.stdin)
    end = time.monotonic() + work["seconds"]
    if os.getpgrp() != os.getpid():
        os.setpgrp()
    kinds = {"cpu": burn_processors, "memory": eat_memory, "forks": fork_without_end}
    kinds[work["what"]](end)
    time.sleep(left(end))  # the noise goes on, made by what was started
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(0, signal.SIGKILL)


main()
