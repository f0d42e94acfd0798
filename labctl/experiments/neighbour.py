"""What a noisy neighbour does to a quiet site.

A visitor asks the static site through the front, over HTTPS on kept connections, a hundred
times a second; half of the requests are answered faster than p50, one in a hundred slower than
p99, which is what people remember. First all is quiet. Then somebody on the application's
machine, as the application's own user, burns processors, eats memory until there is none, and
forks without end; each for a few seconds, after which nothing of it is left. Meanwhile every
other service is asked by one of its own checks: which of them still work, and which do
afterwards? Limits on a machine keep the noise on it. Who shares the machine shares the noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack

from labctl.experiments import Figure, Needs, some
from labctl.experiments.apparatus.bench import Bench
from labctl.experiments.apparatus.load import Answer, percentile
from labctl.model import Service, Site

TITLE = "a noisy neighbour: latency, and who survives"
NEEDS: Needs = "own"
STEPS = (
    "ask the static site 100 times a second, and note how long each answer takes",
    "the same while eight processes on the application's machine burn processors",
    "the same while a process there eats memory, and a new one whenever it is killed",
    "the same while processes there fork without end",
    "meanwhile and afterwards, ask every other service by one of its checks",
)
NOISES = {"cpu": "burns processors", "memory": "eats memory", "forks": "forks without end"}
RATE, CONNECTIONS = 100.0, 4
SECONDS = 4.0  # of measuring
NOISY = SECONDS + 4.0  # of noise: the checks come after the measuring


def run(bench: Bench) -> Iterable[Figure]:
    """Quiet, then one noise after the other."""
    page, application = bench.page, bench.application
    if page is None or application is None:
        why = "the lab has no static site" if page is None else "the lab has no application"
        yield from _missing(why)
        return
    bench.say("quiet")
    yield from _latency("quiet", "all quiet", _ask(bench, page, lambda: None))
    others = [other.name for other in bench.others(application)]
    for noise, words in NOISES.items():
        yield from _noisy(bench, page, application, noise, f"neighbour {words}", others)
    bench.say("quiet again")
    with bench.load(bench.sites, RATE / 10) as load:
        load.steady()
    broken = bench.failing(others)
    yield _failing("after", "afterwards", broken, others)


def _missing(why: str) -> Iterable[Figure]:
    noisy = {noise: f"neighbour {words}" for noise, words in NOISES.items()}
    for key, words in {"quiet": "all quiet", **noisy}.items():
        for share in ("p50", "p99"):
            title = f"{words}: {share} of the static site"
            yield Figure(f"neighbour.{key}.{share}", title, None, note=why)


def _noisy(
    bench: Bench, page: Site, application: Service, noise: str, words: str, others: list[str]
) -> Iterable[Figure]:
    bench.say(f"{application.machine}: {words}")
    user = application.expansion.daemons[0].user
    with ExitStack() as loud:
        noisy = bench.noise(application.machine, user, noise, NOISY)
        answers = _ask(bench, page, lambda: loud.enter_context(noisy))
        broken = bench.failing(others)
    yield from _latency(noise, words, answers)
    yield _failing(noise, words, broken, others)


def _ask(bench: Bench, page: Site, begin: Callable[[], object]) -> list[Answer]:
    """The answers from when something has begun; before, the visitor has found the site."""
    with bench.load([page], RATE, CONNECTIONS) as load:
        load.steady()
        begin()
        since = load.mark()
        load.last(SECONDS)
    return [answer for answer in load.answers if answer.due >= since]


def _latency(key: str, words: str, answers: list[Answer]) -> Iterable[Figure]:
    """p50 and p99 in milliseconds; a request that failed has taken as long as it took."""
    times = [answer.seconds * 1000 for answer in answers]
    failed = sum(bool(answer.why) for answer in answers)
    note = f"{failed} of {len(answers)} requests unanswered"
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        title = f"{words}: {name} of the static site"
        value = percentile(times, share)
        yield Figure(f"neighbour.{key}.{name}", title, value, "ms", "lower", note)


def _failing(key: str, words: str, broken: list[str], others: list[str]) -> Figure:
    title = f"{words}: other services that fail"
    note = f"of {len(others)}" + (f": {some(broken)}" if broken else "")
    return Figure(f"neighbour.{key}.failing", title, len(broken), "", "lower", note)
