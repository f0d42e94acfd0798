"""A steady load from inside the lab, and what its answers say. The arithmetic is pure."""

from __future__ import annotations

import json
import math
import subprocess
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Any

from labctl.errors import LabctlError
from labctl.experiments.apparatus.ship import command, source
from labctl.model import Site

STEADY = 3  # answers in a row after which a site counts as answering
PATIENCE = 5.0  # seconds for one request
_BUSY = 60.0  # seconds for the asking program to say what time it is
UNASKED = 0.5  # seconds without a request that are the asking program's own trouble
SLOW = 1.0  # seconds between two answers of a site after which it counts as stopped


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: its site, when it was due and how long it took (seconds), why it failed."""

    site: str
    due: float
    seconds: float
    why: str = ""

    @property
    def end(self) -> float:
        """When it was over."""
        return self.due + self.seconds


@dataclass(frozen=True, slots=True)
class Outage:
    """How a site fared: requests asked and failed, and its longest wait for an answer (s)."""

    site: str
    asked: int
    failed: int
    longest: float

    @property
    def stopped(self) -> bool:
        """Whether a visitor would say that the site was away."""
        return self.failed > 0 or self.longest > SLOW


def outages(answers: Iterable[Answer], since: float = 0.0) -> tuple[Outage, ...]:
    """How each site fared from ``since`` on.

    The longest wait is that between two good answers, the last one before ``since`` included: it
    counts requests that failed as well as those that were answered late. More than UNASKED before
    the first request since is no wait: whoever asks was held up.
    """
    by_site: dict[str, list[Answer]] = {}
    for answer in answers:
        by_site.setdefault(answer.site, []).append(answer)
    return tuple(_outage(site, found, since) for site, found in by_site.items())


def _outage(site: str, answers: list[Answer], since: float) -> Outage:
    asked = [answer for answer in answers if answer.end >= since]
    good = sorted(answer.end for answer in answers if not answer.why)
    by_end = sorted(answers, key=lambda answer: answer.end)
    ends = [answer.end for answer in by_end]
    # for each place in that order, when the first request was due that ended there or later
    first_due = list(accumulate((answer.due for answer in reversed(by_end)), min))[::-1]
    waits = (
        after - max(before, first_due[bisect_right(ends, before)] - UNASKED)
        for before, after in pairwise(good)
        if before < after >= since
    )
    longest = max(waits, default=0.0)
    return Outage(site, len(asked), sum(bool(answer.why) for answer in asked), longest)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of all do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def target(site: Site, path: str = "/") -> dict[str, Any]:
    """A site as the asking program takes it; a self-signed one as by a visitor who agreed."""
    tls = site.tls != "none"
    return {
        "name": site.name,
        "host": site.host,
        "path": path,
        "port": site.secure or site.plain,
        "tls": tls,
        "verify": site.tls == "ca",
    }


class Load:
    """While it is entered, a machine of the lab asks sites at a steady rate.

    ``rate`` is requests a second for each site, ``keep`` the connections that a site's requests
    share (0: each has one of its own).
    """

    def __init__(self, container: str, sites: Iterable[Site], rate: float, keep: int = 0) -> None:
        self.container = container
        self.sites = tuple(sites)
        self.work = {
            "sites": [target(site) for site in self.sites],
            "rate": rate,
            "keep": keep,
            "timeout": PATIENCE,
        }
        self.answers: list[Answer] = []
        self.marks: list[float] = []
        self._changed = threading.Condition()
        self._over = False

    def __enter__(self) -> Load:
        self._process = subprocess.Popen(
            command(self.container, source("asker")),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._tell(json.dumps(self.work))
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # closes its input, which ends it
        self._reader.join()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{line}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure() from None

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                kind, *words = json.loads(line)
                if kind == "mark":
                    self.marks.append(float(words[0]))
                else:
                    self.answers.append(Answer(*words))
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def mark(self) -> float:
        """The time now, by the clock of the asking machine; LabctlError where it says none."""
        before = len(self.marks)
        self._tell("mark")
        if not self._until(lambda: len(self.marks) > before, _BUSY):
            raise LabctlError(
                f"{self.container} has not said what time it is for {_BUSY:.0f} s",
                "let the host do less meanwhile",
            )
        return self.marks[before]

    def steady(self, since: float = 0.0, seconds: float = 60.0) -> None:
        """Wait until every site answers, asked after ``since``; LabctlError where one does not."""
        if not self._until(lambda: not self._waiting(since), seconds):
            away = ", ".join(self._waiting(since))
            raise LabctlError(
                f"no steady answers after {seconds:.0f} s: {away}",
                "`labctl check` shows what is wrong with the lab",
            )

    def last(self, seconds: float) -> None:
        """Let it ask for so long."""
        self._until(lambda: False, seconds)

    def _waiting(self, since: float) -> list[str]:
        """The sites that have not given several answers in a row."""
        found: Mapping[str, list[Answer]] = {site.name: [] for site in self.sites}
        for answer in self.answers:
            if answer.due > since:
                found[answer.site].append(answer)
        return [
            name
            for name, answers in found.items()
            if len(answers) < STEADY or any(answer.why for answer in answers[-STEADY:])
        ]

    def _until(self, true: Callable[[], bool], seconds: float) -> bool:
        with self._changed:
            self._changed.wait_for(lambda: self._over or true(), seconds)
            if self._over:
                raise self._failure()
            return true()

    def _failure(self) -> LabctlError:
        assert self._process.stderr is not None
        words = self._process.stderr.read().strip().splitlines()
        return LabctlError(
            f"nobody asks any more: {words[-1] if words else 'the asking program has ended'}",
            "`labctl status` shows whether the lab's client machine runs",
        )
