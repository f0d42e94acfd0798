"""How long a change takes until it is live, and whether visitors notice.

Three changes of the lab's own files, each brought by one ``labctl up`` while every site is asked
steadily: another text on a page, twice the memory for the application, one more site. A page
and a site are taken by reload; limits belong to the machine. Where that can be given more while
it runs nobody notices, where it has to be made anew all that runs on it is away meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from labctl.experiments import Figure, Needs
from labctl.experiments.apparatus.bench import Bench
from labctl.experiments.apparatus.load import outages
from labctl.model import Site

TITLE = "seconds and lost requests of a change"
NEEDS: Needs = "own"
STEPS = (
    "ask every site steadily, a new connection for each request",
    "change a page and `labctl up`",
    "double the memory of the application in the lab file and `labctl up`",
    "add a site to the lab file and `labctl up`",
)
RATE = 20.0
KINDS = {
    "page": "update a page",
    "memory": "double an application's memory",
    "site": "add a site",
}
INDEX = "index.html"


def run(bench: Bench) -> Iterable[Figure]:
    """Make the three changes, one after the other."""
    page, application = bench.page, bench.application
    changes: dict[str, Callable[[], None] | None] = dict.fromkeys(KINDS)
    if page:
        changes["page"] = lambda: _change_page(bench, page)
        changes["site"] = lambda: _add_site(bench, page)
    if application:
        changes["memory"] = lambda: _double(bench, application.name)
    for kind, change in changes.items():
        yield from _missing(kind) if change is None else _measure(bench, kind, change)


def _missing(kind: str) -> Iterable[Figure]:
    why = "the lab has no such service"
    yield Figure(f"change.{kind}.seconds", f"{KINDS[kind]}: until it is live", None, note=why)
    yield Figure(f"change.{kind}.lost", f"{KINDS[kind]}: requests lost", None, note=why)


def _measure(bench: Bench, kind: str, change: Callable[[], None]) -> Iterable[Figure]:
    bench.say(KINDS[kind])
    with bench.load(bench.sites, RATE) as load:
        load.steady()
        change()
        start = load.mark()
        seconds = bench.up()
        load.steady(load.mark())
    found = outages(load.answers, start)
    stopped = [outage.site for outage in found if outage.stopped]
    note = f"of {sum(outage.asked for outage in found)}"
    note += f"; away meanwhile: {', '.join(stopped)}" if stopped else ""
    title = f"{KINDS[kind]}: until it is live"
    yield Figure(f"change.{kind}.seconds", title, seconds, "s", "lower")
    lost = sum(outage.failed for outage in found)
    yield Figure(f"change.{kind}.lost", f"{KINDS[kind]}: requests lost", lost, "", "lower", note)


def _change_page(bench: Bench, page: Site) -> None:
    content = bench.lab.services[page.service].options.content
    file = bench.changing.folder / content / INDEX
    file.write_bytes(file.read_bytes() + b"\n<!-- changed by an experiment -->\n")


def _double(bench: Bench, service: str) -> None:
    """Twice what the service has now, in MiB."""
    memory = bench.lab.services[service].expansion.limits.memory
    bench.changing.file.set(service, "memory", f"{2 * memory // 2**20}M")


def _add_site(bench: Bench, page: Site) -> None:
    bench.changing.file.add_site("another", page.service)
