"""How many requests at once each worker model answers, and how fast.

One handler runs under several models: one process, processes, threads, event loops. A visitor
keeps 1, 2, 4 … requests under way to each of them, one model after the other, through the front:
first for a page that computes, then for one that only waits, as for a database. Noted are the
answers a second and how long they take.

As long as a model has somebody free for one more request, twice as many requests under way mean
twice as many answers, and none of them is slower. Then the curve bends: what comes more has to
queue, the rate stays, and the time grows with the number of requests under way, which is the rate
times the time that each of them takes (J. D. C. Little, 1961). Where it bends depends on what a
request needs: a processor, of which there are few, or only somebody who waits for it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from labctl.engines import api
from labctl.errors import LabctlError
from labctl.experiments import Figure, Needs, Table, number
from labctl.experiments.apparatus import wrk
from labctl.experiments.apparatus.bench import Bench
from labctl.experiments.apparatus.wrk import Measured
from labctl.experiments.curves import AT_ONCE, curves, drawn, tabled
from labctl.kinds.workers import Options
from labctl.model import Service, Site

TITLE = "worker models: answers a second and latency against concurrency"
NEEDS: Needs = "running"
STEPS = (
    "on the visitor's machine, keep 1, 2, 4 … 64 requests under way with wrk",
    "do so for each service of the kind workers: first for its page that computes",
    "the same for the page that waits 20 ms",
    "find where each curve bends: the fewest requests under way that give 90 % of its best rate",
)
KIND = "workers"
PAGES = {"compute": "computing", "wait": "waiting"}
BEST = 0.9  # of the best rate: from there on a curve counts as flat
_ROUNDS = 2.2  # times that all requests under way are answered: the first has found no queue
_LONGEST = 10  # seconds for one measurement


def run(bench: Bench) -> Iterable[Figure]:
    """Load each model at each page, with more and more requests under way."""
    asked = [(service, site) for service in bench.lab.of_kind(KIND)
             if (site := _site(bench, service)) is not None]  # fmt: skip
    if not asked:
        yield Figure("workers", TITLE, None, note=f"no service of the kind {KIND} has a site")
    for page, words in PAGES.items():
        for service, site in asked:
            bench.say(f"{service.name}, {words}: {', '.join(map(str, AT_ONCE))} at once")
            seen = _curve(bench, site, page)
            yield from _figures(page, service, seen)
            yield bend(page, service, _processors(bench, service), seen)


def _site(bench: Bench, service: Service) -> Site | None:
    return next((site for site in bench.sites if site.service == service.name), None)


def _processors(bench: Bench, service: Service) -> float:
    return bench.lab.machine_of(service.name).limits.cpus


def seconds(at_once: int, rate: float) -> int:
    """How long is measured, by the answers a second that fewer requests under way got.

    So long that most answers come after all have queued as long as they do.
    """
    return min(_LONGEST, max(1, math.ceil(_ROUNDS * at_once / rate)))


def _curve(bench: Bench, site: Site, page: str) -> Mapping[int, Measured | str]:
    """What a server shows with more and more requests under way."""
    seen: dict[int, Measured | str] = {}
    rate = math.inf
    for at_once in AT_ONCE:
        found = _measure(bench, site, page, at_once, seconds(at_once, rate))
        rate = found.rate if isinstance(found, Measured) else rate
        seen[at_once] = found
    return seen


def _measure(bench: Bench, site: Site, page: str, at_once: int, lasting: int) -> Measured | str:
    """What wrk has measured in so many seconds, or why that is nothing."""
    scheme = "http" if site.http == "serve" else "https"
    words = wrk.command(f"{scheme}://{site.host}/{page}", at_once, lasting)
    ran = api.exec_in(bench.container(bench.client.name), words, seconds=lasting + 30)
    if ran.status in (126, 127) or "executable file not found" in ran.output:
        hint = "say `client: {packages: [wrk]}` under `services:` of the lab file"
        raise LabctlError(f"there is no wrk on {bench.client.name}", hint)
    try:
        found = wrk.read(ran.output)
    except ValueError as reason:
        return str(reason)
    return found.failed or found


def _figures(page: str, service: Service, seen: Mapping[int, Measured | str]) -> Iterable[Figure]:
    for at_once, found in seen.items():
        start = f"workers.{page}.{service.name}.{at_once}"
        title = f"{service.name}, {PAGES[page]}, {at_once} at once"
        if isinstance(found, str):
            yield Figure(f"{start}.rate", f"{title}: answers a second", None, note=found)
            continue
        yield Figure(f"{start}.rate", f"{title}: answers a second", found.rate, "/s", "higher")
        for share in ("p50", "p99"):
            value = getattr(found, share)
            yield Figure(f"{start}.{share}", f"{title}: {share}", value, "ms", "lower")


def bend(
    page: str, service: Service, processors: float, seen: Mapping[int, Measured | str]
) -> Figure:
    """From how many requests at once a model gives no more, and why."""
    key, title = f"workers.{page}.{service.name}.bend", f"{service.name}, {PAGES[page]}: bends at"
    good = {n: found for n, found in seen.items() if isinstance(found, Measured)}
    if not good:
        return Figure(key, title, None, note="nothing was measured")
    best = max(found.rate for found in good.values())
    at = min(n for n, found in good.items() if found.rate >= BEST * best)
    most, last = max(good.items())
    why = WHY[page](Facts(service.options, processors))
    if at == most:
        note = f"no bend up to there; {why}"
        return Figure(key, title, at, "at once", note=note)
    expected = 1000 * most / last.rate
    note = (
        f"{why}. What comes more queues: with {most} at once half of the answers take "
        f"{number(last.p50)} ms ({most} ÷ {number(last.rate)}/s = {number(expected)} ms)"
    )
    return Figure(key, title, at, "at once", note=note)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the bend of a curve follows from: the model, and the processors that it has."""

    options: Options
    processors: float

    @property
    def cores(self) -> str:
        """The processors, in words."""
        return "one processor" if self.processors == 1 else f"{self.processors:g} processors"

    @property
    def workers(self) -> str:
        """The processes, in words."""
        count = self.options.workers
        return "one process" if count == 1 else f"{count} processes"


def _computing(facts: Facts) -> str:
    """What a request that computes runs into."""
    return {
        "one": "one process computes one answer at a time",
        "forked": f"each request has a process, made for it, but there are {facts.cores} for them",
        "threads": "each request has a thread, but of the threads of a Python process one computes "
        "at a time (the global interpreter lock)",
        "asyncio": "the loop computes one answer at a time, and does nothing else meanwhile",
        "gunicorn-sync": f"{facts.workers} compute, on {facts.cores}",
        "gunicorn-gthread": f"{facts.workers} with {facts.options.threads} threads each, of which "
        "one computes at a time (the global interpreter lock)",
        "uvicorn": f"{facts.workers} on {facts.cores}, each with a loop that computes one answer "
        "at a time: as evenly as they have taken the connections, which they keep",
    }[facts.options.model]


def _waiting(facts: Facts) -> str:
    """What a request that waits runs into."""
    slots = facts.options.workers * facts.options.threads
    endless = "there is always one more, until their own work takes a whole processor"
    return {
        "one": "one process waits for one answer, and does nothing else meanwhile",
        "forked": f"{facts.workers} at most wait at the same time",
        "threads": f"each request waits in a thread: {endless}",
        "asyncio": "a request that waits is a note in the loop's list: the loop goes on with "
        "others, until its own work takes a whole processor",
        "gunicorn-sync": f"{facts.workers} wait, one request each",
        "gunicorn-gthread": f"{slots} threads wait, one request each",
        "uvicorn": f"{facts.workers} with a loop each, in which waiting costs next to nothing",
    }[facts.options.model]


WHY: Mapping[str, Callable[[Facts], str]] = {"compute": _computing, "wait": _waiting}


def tables(figures: Iterable[Figure]) -> Iterable[Table]:
    """Rates and latencies by model and concurrency, and why each curve bends."""
    found = tuple(figures)
    for page, words in PAGES.items():
        yield from tabled(words, curves(found, f"workers.{page}"))
    bends = [figure for figure in found if figure.key.endswith(".bend")]
    rows = tuple((figure.title.partition(":")[0], figure.text, figure.note) for figure in bends)
    yield Table("Where each curve bends, and why", ("MODEL", "BENDS AT", "BECAUSE"), rows)


def picture(figures: Iterable[Figure]) -> str:
    """Four charts: rates and latencies, computing and waiting."""
    found = tuple(figures)
    pages = {words: curves(found, f"workers.{page}") for page, words in PAGES.items()}
    return drawn("One handler under several worker models", pages)
