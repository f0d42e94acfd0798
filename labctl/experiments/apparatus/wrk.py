"""wrk, a load generator: how it is asked, and what it says. Pure.

It keeps a number of requests under way: when one is answered it sends the next. So the number of
connections is the concurrency, and a server that is slower is asked less often (a closed loop).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_PATIENCE = 10  # seconds for one answer
_MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_TIME = r"([\d.]+)(us|ms|s|m)"
_RATE = re.compile(r"^Requests/sec:\s+([\d.]+)$", re.MULTILINE)
_MEAN = re.compile(rf"^\s+Latency\s+{_TIME}\s", re.MULTILINE)
_SHARE = r"^\s+{}%\s+" + _TIME + " *$"  # it pads seconds
_FAILED = re.compile(r"^\s*((?:Non-2xx|Socket errors).*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Measured:
    """Answers a second; milliseconds that they took: on average, half of them, 99 of 100.

    ``failed`` are wrk's words where some were no good answers, "" where all were.
    """

    rate: float
    mean: float
    p50: float
    p99: float
    failed: str = ""


def command(url: str, connections: int, seconds: int, fields: Iterable[str] = ()) -> list[str]:
    """The words that load a URL by one thread of wrk over so many connections.

    ``fields`` are further ones of the request's head, as ``Name: value``.
    """
    how = (f"--connections={connections}", f"--duration={seconds}s", f"--timeout={_PATIENCE}s")
    return ["wrk", "--threads=1", *how, *(f"--header={one}" for one in fields), "--latency", url]


def read(output: str) -> Measured:
    """What wrk has printed; ValueError where that is no measurement."""
    rate = _RATE.search(output)
    if rate is None or not float(rate[1]):
        raise ValueError("nothing was answered" if rate else "no measurement")
    failed = _FAILED.search(output)
    return Measured(
        rate=float(rate[1]),
        mean=_milliseconds(_MEAN, output),
        p50=_milliseconds(re.compile(_SHARE.format(50), re.MULTILINE), output),
        p99=_milliseconds(re.compile(_SHARE.format(99), re.MULTILINE), output),
        failed=failed[1] if failed else "",
    )


def _milliseconds(pattern: re.Pattern[str], output: str) -> float:
    found = pattern.search(output)
    if found is None:
        raise ValueError("no latency")
    return float(found[1]) * _MILLISECONDS[found[2]]
