"""Running experiments, and comparing platforms by them: up, measure, down, one after the other."""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from labctl import experiments
from labctl.engines import api
from labctl.engines.compose import Engine
from labctl.errors import LabctlError
from labctl.experiments import Figure
from labctl.experiments.apparatus.bench import Bench
from labctl.experiments.apparatus.trial import Changing, trial, trial_name
from labctl.model import Lab, PlatformName
from labctl.picture.paper import placed
from labctl.platforms import NAMES
from labctl.spec.lab import Spec, load
from labctl.work.execute import running
from labctl.work.session import Choices, Session, find_lab_file, read_settings, state_of

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Column:
    """What was measured on one platform: figures by their key, and what could not be done.

    ``lab`` is the lab as it is placed there, for its picture; ``seconds`` all of it took.
    """

    platform: PlatformName
    lab: Lab
    figures: dict[str, Figure]
    troubles: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One figure on all platforms, and the experiment that it comes from."""

    experiment: str
    key: str
    title: str
    figures: dict[PlatformName, Figure]

    @property
    def first(self) -> Figure:
        """One of them: unit and direction are the same on all."""
        return next(iter(self.figures.values()))


@dataclass(frozen=True, slots=True)
class Comparison:
    """A lab on several platforms, measured in one run; ``host`` says on what, in words."""

    target: str
    lab: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...] = ()
    host: str = ""

    @property
    def platforms(self) -> tuple[PlatformName, ...]:
        """The platforms that were compared."""
        return tuple(column.platform for column in self.columns)

    @property
    def troubles(self) -> tuple[str, ...]:
        """Everything that could not be measured, and why."""
        return tuple(f"{c.platform}: {text}" for c in self.columns for text in c.troubles)

    def command(self, experiment: str, platform: str = "PLATFORM") -> str:
        """What reproduces the figures of an experiment."""
        return command(experiment, self.target, platform)


def command(experiment: str, target: str, platform: str) -> str:
    """The command line of one experiment."""
    return f"labctl experiment {experiment} {shlex.quote(target)} --on {platform}"


def compare(target: str, wanted: Sequence[PlatformName], say: Say) -> Comparison:
    """Measure a lab on each of the platforms (all that it does not refuse, where none is said).

    A lab that is up is not touched. LabctlError where a platform that is asked for is refused.
    """
    spec = _spec(target)
    chosen = wanted or [name for name in NAMES if not spec.on(name).refused]
    sessions = [Session(target, Choices(on=one), dry=True, running=True) for one in chosen]
    columns = tuple(_column(one, experiments.NAMES, say) for one in sessions)
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


def rows(columns: Iterable[Column]) -> Iterator[Row]:
    """The rows of the table: experiments in their order, figures in theirs."""
    columns = tuple(columns)
    for name in experiments.NAMES:
        found = [k for column in columns for k in column.figures if k.partition(".")[0] == name]
        for key in dict.fromkeys(found):
            figures = {c.platform: c.figures[key] for c in columns if key in c.figures}
            title = next(iter(figures.values())).title
            yield Row(name, key, title, figures)


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
