"""Which labs there are: in this directory, with labctl, and running."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from labctl import resources
from labctl.engines import EngineUnreachable
from labctl.engines.compose import Engine
from labctl.engines.state import State
from labctl.render.compose import LABEL
from labctl.spec.lab import load
from labctl.spec.problems import InvalidLab
from labctl.work.session import LAB_FILE, read_settings


@dataclass(frozen=True, slots=True)
class Listed:
    """A lab: its name, whether it is up and on which platform, its file and its title."""

    name: str
    state: str
    file: str
    title: str
    platform: str = ""


def labs() -> tuple[Listed, ...]:
    """Every lab by name; a running one whose file is elsewhere comes from its state."""
    up = _running()
    found: dict[str, Listed] = {}
    for file in _files():
        try:
            spec, reader = load(file)
            if reader.problems:
                raise InvalidLab(reader.problems)
        except InvalidLab as error:
            words = f"{len(error.problems)} problems: `labctl validate {file}`"
            found[file.parent.name] = Listed(file.parent.name, "invalid", str(file), words)
            continue
        running = up.pop(spec.name, None)
        found.setdefault(
            spec.name,
            Listed(spec.name, _state(running), str(file), spec.title, _platform(running)),
        )
    for name, running in up.items():
        settings = read_settings(State(Path(running.directory)))
        file_name = settings.file if settings else running.directory
        found[name] = Listed(name, _state(running), file_name, "", running.platform)
    return tuple(found[name] for name in sorted(found))


def machines(lab: str) -> list[str]:
    """The machines of a running lab."""
    return sorted(c["Labels"][f"{LABEL}.machine"] for c in Engine().containers(lab))


def _files() -> list[Path]:
    here = [Path(LAB_FILE), *sorted(Path().glob(f"*/{LAB_FILE}"))]
    stacks = sorted(Path("stacks").glob(f"*/{LAB_FILE}"))
    installed = sorted(resources.stacks().glob(f"*/{LAB_FILE}"))
    unique = {path.resolve(): path for path in reversed([*here, *stacks, *installed])}
    return [path for path in unique.values() if path.is_file()]


@dataclass(frozen=True, slots=True)
class _Running:
    """What the containers of a lab say: its state directory, platform, and their own states."""

    directory: str
    platform: str
    states: Counter[str]


def _running() -> dict[str, _Running]:
    """The labs of this host that have containers, by name."""
    try:
        containers = Engine().containers()
    except EngineUnreachable:
        return {}
    found: dict[str, _Running] = {}
    for container in containers:
        labels = container["Labels"]
        state, platform = (labels.get(f"{LABEL}.{what}", "") for what in ("state", "platform"))
        lab = found.setdefault(labels[f"{LABEL}.lab"], _Running(state, platform, Counter()))
        lab.states[container["State"]] += 1
    return found


def _platform(running: _Running | None) -> str:
    return running.platform if running else ""


def _state(running: _Running | None) -> str:
    if running is None:
        return "down"
    counts = running.states
    return "up" if set(counts) == {"running"} else ", ".join(f"{n} {s}" for s, n in counts.items())
