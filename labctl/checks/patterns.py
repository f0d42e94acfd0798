"""Looking for a regular expression of a lab's author in what a machine says.

Some expressions take years for some texts, and whoever answers can choose the text.
"""

from __future__ import annotations

import re
import signal
import sys
import threading
from types import FrameType

from labctl.checks import bounded

SECONDS = 1.0
_START = 15.0  # seconds that another process may take to begin
_MAIN = """
import re, signal, sys
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[2]))  # of looking: to start may take as long
length, both = int(sys.argv[1]), sys.stdin.read()
print(bool(re.search(both[:length], both[length:])))
"""


class TooLong(Exception):
    """It has not come to an end in time."""


def found(pattern: str, text: str) -> bool:
    """Whether ``pattern`` is somewhere in ``text``; TooLong after SECONDS."""
    if threading.current_thread() is threading.main_thread():
        return _interrupted(pattern, text)
    return _elsewhere(pattern, text)


def _interrupted(pattern: str, text: str) -> bool:
    """In the main thread a signal can stop Python's ``re``."""

    def stop(_: int, __: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        return re.search(pattern, text) is not None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _elsewhere(pattern: str, text: str) -> bool:
    """In any other thread nothing can: another process does it, which the signal ends."""
    command = [sys.executable, "-I", "-X", "utf8", "-c", _MAIN, str(len(pattern)), str(SECONDS)]
    work = (pattern + text).encode(errors="replace")
    ran = bounded.run(command, _START + SECONDS, work)
    if ran.status:
        raise TooLong
    return ran.out.strip() == b"True"
