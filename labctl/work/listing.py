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
    """A lab: its name, whether it is up, its file and its title."""

    name: str
    state: str
    file: str
    title: str


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
        state = _state(up.pop(spec.name, None))
        found.setdefault(spec.name, Listed(spec.name, state, str(file), spec.title))
    for name, (directory, running) in up.items():
        settings = read_settings(State(Path(directory)))
        file_name = settings.file if settings else directory
        found[name] = Listed(name, _state((directory, running)), file_name, "")
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


def _running() -> dict[str, tuple[str, Counter[str]]]:
    """State directory and number of containers by their state, of each lab on this host."""
    try:
        containers = Engine().containers()
    except EngineUnreachable:
        return {}
    found: dict[str, tuple[str, Counter[str]]] = {}
    for container in containers:
        labels = container["Labels"]
        entry = found.setdefault(
            labels[f"{LABEL}.lab"], (labels.get(f"{LABEL}.state", ""), Counter())
        )
        entry[1][container["State"]] += 1
    return found


def _state(running: tuple[str, Counter[str]] | None) -> str:
    if running is None:
        return "down"
    counts = running[1]
    return "up" if set(counts) == {"running"} else ", ".join(f"{n} {s}" for s, n in counts.items())
