"""What stops answering when something dies, and for how long.

Every site is asked steadily, each time by a new connection, while one thing after the other is
killed: the daemon of the application, the nginx that sends the pages, and the machine on which
the application runs, which is switched off and on again. A daemon is restarted by its machine's
init; a machine has to boot. A site counts as stopped when a request of it failed, or when a
second passed between two answers; the time is that between the last answer before and the
first one after.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from labctl.apache import SERVERS
from labctl.engines import api
from labctl.experiments import Figure, Needs, some
from labctl.experiments.apparatus.bench import Bench
from labctl.experiments.apparatus.load import Outage, outages
from labctl.model import Service

TITLE = "what stops when a daemon or a machine dies"
NEEDS: Needs = "own"
STEPS = (
    "ask every site steadily, a new connection for each request",
    "kill -9 the application's daemon; wait until all sites answer again",
    "kill -9 the nginx that sends the pages; wait until all sites answer again",
    "switch the application's machine off and on; wait until all sites answer again",
)
RATE = 20.0  # requests a second for each site
KINDS = {
    "daemon": "the application's daemon is killed",
    "nginx": "the nginx of the pages is killed",
    "machine": "the application's machine is reset",
}
_KILL = 'kill -9 "$(s6-svstat -o pid "$1")"'


def run(bench: Bench) -> Iterable[Figure]:
    """Kill one after the other."""
    application, page = bench.application, bench.page
    events: dict[str, Callable[[], None] | None] = dict.fromkeys(KINDS)
    if application:
        events["daemon"] = lambda: _kill_daemon(bench, application, _main(application))
        events["machine"] = lambda: _reset(bench, application.machine)
    if page:
        pages = bench.lab.services[page.service]
        events["nginx"] = lambda: _kill_daemon(bench, pages, _web_server(pages))
    for kind, event in events.items():
        yield from _missing(kind) if event is None else _measure(bench, kind, event)


def _web_server(pages: Service) -> str:
    """The daemon that sends pages: nginx, unless the lab says Apache."""
    route = pages.expansion.route
    assert route is not None
    return SERVERS[route.server].name


def _missing(kind: str) -> Iterable[Figure]:
    why = "the lab has no such service"
    yield Figure(f"crash.{kind}.sites", f"{KINDS[kind]}: sites that stop", None, note=why)
    yield Figure(f"crash.{kind}.ms", f"{KINDS[kind]}: for how long", None, note=why)


def _measure(bench: Bench, kind: str, event: Callable[[], None]) -> Iterable[Figure]:
    with bench.load(bench.sites, RATE) as load:
        load.steady()
        start = load.mark()
        event()
        # asked after that, every site answers: a dead one is noticed, as nothing answers for it
        load.steady(load.mark())
        load.last(0.5)
    found = outages(load.answers, start)
    yield from figures(kind, found)


def figures(kind: str, found: Iterable[Outage]) -> Iterable[Figure]:
    """How many sites stopped, and how long the longest was away."""
    found = tuple(found)
    stopped = [outage for outage in found if outage.stopped]
    names = some(outage.site for outage in stopped)
    failed = sum(outage.failed for outage in found)
    asked = sum(outage.asked for outage in found)
    longest = max((outage.longest for outage in stopped), default=0.0)
    yield Figure(
        f"crash.{kind}.sites", f"{KINDS[kind]}: sites that stop", len(stopped), "", "lower",
        f"of {len(found)}" + (f": {names}" if names else ""),
    )  # fmt: skip
    yield Figure(
        f"crash.{kind}.ms", f"{KINDS[kind]}: for how long", longest * 1000, "ms", "lower",
        f"{failed} of {asked} requests failed",
    )  # fmt: skip


def _main(service: Service) -> str:
    return service.expansion.daemons[0].name


def _kill_daemon(bench: Bench, service: Service, daemon: str) -> None:
    bench.say(f"kill -9 {daemon} on {service.machine}")
    bench.exec(service.machine, ["sh", "-c", _KILL, "sh", f"/run/service/{daemon}"])


def _reset(bench: Bench, machine: str) -> None:
    """As a power cut does it (Engine API: POST /containers/{id}/kill, …/start)."""
    bench.say(f"switching {machine} off and on")
    container = bench.container(machine)
    api.call("POST", f"/containers/{container}/kill?signal=KILL")
    api.call("POST", f"/containers/{container}/start")
