"""The web course: its labs, frameworks behind their front, the inspector, a room of people."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from bench import generator
from bench.generator import Generator
from bench.measure import Row, Sample, at_least, at_most, interleaved, ratio, timed
from bench.workspace import ROOT, BenchLab, Workspace

FRAMEWORKS = ("flask", "uwsgi", "django", "express", "php")
FRONT_BAR = 0.85
UP_BAR = 30  # seconds
PERSON = "/people/ada"
VISITORS = 8  # twice what a framework here answers at once: more would only wait longer
MEMBERS, MESSAGES = 1000, 60
_UPSTREAM = re.compile(r"^upstream (\S+) \{\n\s+server ([^\s;]+)", re.MULTILINE)
_PEAK = re.compile(r"^VmHWM:\s+(\d+) kB", re.MULTILINE)


def rows(workspace: Workspace, rounds: int) -> Iterable[Row]:
    """One lab after the other."""
    generator.build(workspace)
    for stack, edit, measuring in (
        ("web-dynamic", _by_plain_http, frameworks),
        ("web-inspect", _by_plain_http, inspector),
        ("web-chat", _not_inspected, room),
    ):
        lab = workspace.lab(f"bench{stack.removeprefix('web-')}", _copy(workspace, stack, edit))
        lab.up()
        yield from measuring(lab, max(rounds - 2, 1))
        lab.down()
    yield coming_up(workspace)


def coming_up(workspace: Workspace) -> Row:
    """Every lab of the course from no container to ready, its images and keys there."""
    seconds = {}
    for folder in sorted((ROOT / "stacks").glob("web-*")):
        lab = workspace.lab(f"benchup{folder.name.removeprefix('web-')}", folder)
        lab.up()
        lab.down()
        seconds[folder.name] = timed(lab.up)
        lab.down()
    slowest = Sample((max(seconds.values()),))
    note = "seconds: " + ", ".join(f"{name} {value:.1f}" for name, value in seconds.items())
    return at_most(
        "`up` of each lab of the web course, warm: the slowest", slowest, UP_BAR, "s", note
    )


def _copy(workspace: Workspace, stack: str, edit: Callable[[Any], Any]) -> Path:
    """A stack's files, with each of its sites changed."""
    folder = workspace.folder / stack
    shutil.copytree(ROOT / "stacks" / stack, folder)
    file = folder / "lab.yml"
    lab = yaml.safe_load(file.read_bytes())
    lab["sites"] = {name: edit(site) for name, site in lab["sites"].items()}
    file.write_text(yaml.safe_dump(lab, sort_keys=False))
    return folder


def _by_plain_http(site: Any) -> Any:
    """A site that answers by HTTP too: the lightest work for a front, the hardest comparison."""
    whole = site if isinstance(site, dict) else {"service": site}
    return whole | {"http": "serve"}


def _not_inspected(site: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in site.items() if key != "inspect"}


def _loading(lab: BenchLab, sites: Iterable[str]) -> Generator:
    front = lab.addresses()["front"]
    return Generator(lab, {f"{site}.{lab.domain}": front for site in sites})


def _direct(lab: BenchLab) -> Mapping[str, str]:
    """Where the front finds each site's application: address and port."""
    _, live = lab.container("front").exec_run(["cat", "/etc/nginx/upstreams.conf"])
    return dict(_UPSTREAM.findall(live.decode()))


def frameworks(lab: BenchLab, rounds: int) -> Iterator[Row]:
    """A page that asks the database: through the front, and from the application itself."""
    load, servers = _loading(lab, FRAMEWORKS), _direct(lab)
    for name in FRAMEWORKS:
        host = f"{name}.{lab.domain}"
        through = partial(load.requests, f"http://{host}{PERSON}", connections=VISITORS)
        direct = partial(load.requests, f"http://{servers[name]}{PERSON}", host, VISITORS)
        direct()  # Node.js compiles what is run often: its first seconds say nothing
        ours, theirs = interleaved(rounds, [through, direct])
        note = f"{ours.median:,.0f} against {theirs.median:,.0f} a second"
        what = f"web-dynamic, {name}: a page from the database through the front against direct"
        yield at_least(what, ratio(ours, theirs), FRONT_BAR, note)
    load.container.remove(force=True)


def inspector(lab: BenchLab, rounds: int) -> Iterator[Row]:
    """The same pages of the same service, by a site that is inspected and by one that is not."""
    load = _loading(lab, ("www", "quiet"))
    seen, quiet = (f"http://{name}.{lab.domain}/" for name in ("www", "quiet"))
    on, off = interleaved(rounds, [partial(load.requests, url) for url in (seen, quiet)])
    later, plain = interleaved(rounds, [partial(load.latency, url) for url in (seen, quiet)])
    load.container.remove(force=True)
    what = "web-inspect: requests of an inspected site against one that is not"
    note = (
        f"{on.median:,.0f} against {off.median:,.0f} a second; p50 of one connection "
        f"{later.median:.2f} against {plain.median:.2f} ms"
    )
    yield Row(what, "–", ratio(on, off).text(), note=note)


def room(lab: BenchLab, _rounds: int) -> Iterator[Row]:
    """One chat room with very many clients, all through the front: what each message takes."""
    load = _loading(lab, ("chat",))
    before = _largest(lab)
    seen = load.room(lab.addresses()["front"], 80, f"chat.{lab.domain}", MEMBERS, MESSAGES)
    load.container.remove(force=True)
    times = Sample(tuple(seen["milliseconds"]))
    wanted = MEMBERS * MESSAGES
    whole = not seen["missing"] and not seen["closed"] and len(times.values) == wanted
    yield Row(
        f"web-chat: messages lost of {MESSAGES} to {MEMBERS:,} clients in a room",
        "0",
        f"{seen['missing']:,} of {wanted:,}",
        whole,
        f"{seen['closed']} connections closed meanwhile; {seen['rate']:g} messages a second",
    )
    figures = ", ".join(
        f"{name} {times.share(part):,.0f} ms" for name, part in (("p50", 0.5), ("p99", 0.99))
    )
    yield Row(
        "the same: from saying to hearing",
        "–",
        figures,
        note=f"the last {max(times.values):,.0f} ms; all {MEMBERS:,} were in after "
        f"{seen['entered']:.1f} s",
    )
    yield Row(
        "the same: memory of the chat's process at its most",
        "–",
        f"{_largest(lab) / 10**6:.0f} MB",
        note=f"before the first client {before / 10**6:.0f} MB",
    )


def _largest(lab: BenchLab) -> int:
    """Bytes that the largest process of the chat's machine has had at its most (VmHWM)."""
    top = lab.container("chat").top(ps_args="-eo pid")
    statuses = (Path(f"/proc/{row[0]}/status").read_text() for row in top["Processes"])
    peaks = (int(peak) for text in statuses for peak in _PEAK.findall(text))
    return 1024 * max(peaks)
