"""Running experiments, and comparing platforms by them: up, measure, down, one after the other."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from labctl import experiments
from labctl.engines import api
from labctl.engines.compose import Engine
from labctl.errors import LabctlError
from labctl.experiments import Figure, Say
from labctl.experiments.apparatus.bench import Bench
from labctl.experiments.apparatus.trial import Changing, trial, trial_name
from labctl.experiments.comparison import Column, Comparison, rows
from labctl.model import PlatformName
from labctl.picture.paper import placed
from labctl.platforms import NAMES
from labctl.spec.lab import load
from labctl.spec.specification import Spec
from labctl.work.execute import running
from labctl.work.session import Choices, Session, find_lab_file, read_settings, state_of


def compare(target: str, wanted: Sequence[PlatformName], say: Say) -> Comparison:
    """Measure a lab on each of the platforms (all that it does not refuse, where none is said).

    A lab that is up is not touched. LabctlError where a platform that is asked for is refused.
    """
    spec = _spec(target)
    chosen = wanted or [name for name in NAMES if not spec.on(name).refused]
    sessions = [Session(target, Choices(on=one), dry=True, running=True) for one in chosen]
    columns = tuple(_column(one, experiments.COMPARED, say) for one in sessions)
    return Comparison(target, spec.name, spec.title, columns, tuple(rows(columns)), _host())


def _host() -> str:
    """What it was measured on (Engine API: GET /version)."""
    version = json.loads(api.call("GET", "/version"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} processors, {memory:.0f} GiB of memory, "
        f"Linux {version['KernelVersion']}, engine {version['Version']}, "
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    )


def _spec(target: str) -> Spec:
    """The lab as its file says it, before any platform."""
    earlier = None if "/" in target else read_settings(state_of(target, running=True))
    file = Path(earlier.file) if earlier else find_lab_file(target)
    return load(file, earlier.name if earlier else "")[0]


def _column(session: Session, names: Iterable[str], say: Say) -> Column:
    """One platform: a lab of its own, every experiment on it."""
    platform = session.settings.platform or session.expanded.platform

    def tell(text: str) -> None:
        say(f"{platform}: {text}")

    start = time.monotonic()
    figures: dict[str, Figure] = {}
    troubles: list[str] = []
    name = ""
    try:
        copy = trial_name(session.name, platform)
        with trial(session.file, copy, platform, tell) as changing:
            bench = _brought_up(changing, session, tell)
            for name in names:
                tell(f"experiment {name}")
                found = experiments.load(name).run(bench)
                figures.update((figure.key, figure) for figure in found)
    except LabctlError as error:  # the other platforms are measured all the same
        troubles.append(f"{name or 'up'}: {error.message}")
        tell(troubles[-1])
    seconds = time.monotonic() - start
    return Column(platform, placed(session.expanded), figures, tuple(troubles), seconds)


def _brought_up(changing: Changing, session: Session, say: Say) -> Bench:
    changing.build_images()
    say(f"bringing up {changing.choices.name}")
    upped, seconds = changing.up()
    expanded = session.expanded
    return Bench(upped, expanded.platform, say, expanded.duties, seconds, changing)


def experiment(
    name: str, target: str, platform: PlatformName | None, say: Say
) -> tuple[PlatformName, tuple[Figure, ...]]:
    """Run one experiment; the platform that it ran on, and its figures.

    It runs on the lab that is up where that is on this platform (the one of the command line,
    else its own), and where it does no harm; else on a lab made for it.
    """
    module = experiments.load(name)
    session = Session(target, Choices(on=platform), dry=True, running=True)
    chosen = session.expanded.platform
    if module.NEEDS == "paper":
        paper = Bench(session, chosen, say, session.expanded.duties)
        return chosen, tuple(module.run(paper))
    if module.NEEDS == "running" and _is_up(session):
        say(f"on {session.name}, which is up on {chosen}")
        bench = Bench(session, chosen, say, session.expanded.duties)
        return chosen, tuple(module.run(bench))
    with trial(session.file, trial_name(session.name, chosen), chosen, say) as changing:
        return chosen, tuple(module.run(_brought_up(changing, session, say)))


def _is_up(session: Session) -> bool:
    """Whether all machines of the lab run, on the platform that is meant."""
    earlier = session.earlier
    if earlier is None or (earlier.platform or "vps") != session.expanded.platform:
        return False
    return set(running(Engine(), session.name)) == set(session.lab.machines)
