"""One lab as a command works on it: found, read, placed, kept, rendered.

The effects around the pure flow: which file, which state directory, which ports.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from labctl import doors, hub, resources, sandbox
from labctl.checks import variables
from labctl.edge.behind import behind
from labctl.engines.state import State, write_atomically
from labctl.errors import LabctlError
from labctl.host import addresses
from labctl.keep import data_home, keep, lab_home
from labctl.model import Kept, Lab, Limits, PlatformName, Publishing, Seat, Want
from labctl.work import class_lab
from labctl.work.rendered import Rendered

LAB_FILE = "lab.yml"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line says over the lab file; None where it says nothing."""

    name: str | None = None
    http: int | None = None
    https: int | None = None
    public: bool | None = None
    on: PlatformName | None = None
    edge: bool | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """With what a lab was brought up: remembered in its state directory until ``down``."""

    file: str
    name: str = ""
    publishing: Publishing = field(default_factory=Publishing)
    platform: PlatformName | None = None
    edge: bool = False


def state_directory(name: str) -> Path:
    """Where a lab's state goes: ``.labctl/<lab>`` in this directory, or HOSTING_LABCTL_DIR."""
    return Path(os.environ.get("HOSTING_LABCTL_DIR") or ".labctl").absolute() / name


def state_of(name: str, running: bool = False) -> State:
    """The state of a lab; of one that is ``running`` where its containers say that it is."""
    here = State(state_directory(name))
    if running and not here.directory.exists():
        from labctl.engines.compose import Engine

        elsewhere = Engine().state_of(name)
        return State(Path(elsewhere)) if elsewhere else here
    return here


def read_settings(state: State) -> Settings | None:
    """The settings of the last ``up``, or None."""
    try:
        found = json.loads((state.directory / "settings.json").read_bytes())
        return Settings(
            found["file"],
            found["name"],
            Publishing(**found["publishing"]),
            found["platform"],
            found.get("edge", False),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_settings(state: State, settings: Settings) -> None:
    """Remember the settings of this ``up``."""
    text = json.dumps(asdict(settings), indent=1)
    write_atomically(state.directory / "settings.json", text.encode())


def known_name(target: str) -> str:
    """The name of a lab that was brought up before from here, without reading its file; or ""."""
    if "/" in target:
        return ""
    earlier = read_settings(State(state_directory(target)))
    return (earlier.name or target) if earlier else ""


def find_lab_file(target: str) -> Path:
    """The lab file that a word on the command line means.

    A path to a file or a folder; else a lab of this directory or of ``stacks/``, else one that
    comes with labctl. LabctlError where there is none.
    """
    path = Path(target)
    if path.is_file():
        return path
    if "/" not in target and target not in (".", ".."):
        for base in (Path("stacks"), Path(), resources.stacks()):
            if (base / target / LAB_FILE).is_file():
                return base / target / LAB_FILE
    if (path / LAB_FILE).is_file():
        return path / LAB_FILE
    raise LabctlError(
        f"there is no lab '{target}'",
        "`labctl list` shows the labs, `labctl init NAME` starts a new one",
        status=2,
    )


@dataclass(frozen=True, slots=True)
class Member:
    """A sandbox as its class has it: the seat, the lab file, where it goes and its quota."""

    seat: Seat
    file: str
    platform: PlatformName | None
    quota: Limits


def member(lab: str) -> Member | None:
    """What a class says of the sandbox that is called ``lab``; None where none has one."""
    if not (data_home() / "classes").is_dir():
        return None
    from labctl.classes.registry import seat_of

    found = seat_of(lab)
    if found is None:
        return None
    record, seat = found
    place = "" if record.implicit else str(doors.hub(seat.group, seat.id))
    seat = replace(seat, door=str(doors.of(seat.lab)), own=record.own, hub=place)
    return Member(seat, record.lab, record.platform, record.limits)


class Session(Rendered):
    """A lab that a command works on."""

    def __init__(
        self,
        target: str,
        choices: Choices | None = None,
        dry: bool = False,
        running: bool = False,
    ) -> None:
        """Read and place the lab ``target``.

        ``dry`` writes nothing, not even kept things. ``running`` finds a lab that is up by its
        name also from another directory than the one it was brought up from.
        """
        from labctl.expand import expand
        from labctl.spec.lab import load

        self.dry = dry
        choices = choices or Choices()
        self.member = None if "/" in target else member(target)
        self.common = None if "/" in target or self.member else class_lab.find(target)
        seat = self.member.seat if self.member else None
        earlier = None if "/" in target else read_settings(state_of(target, running))
        self.file = self._file(target, earlier)
        name = choices.name or (earlier.name if earlier else "") or ""
        spec, reader = load(_relative(self.file), name, seat)
        if self.common:
            spec = class_lab.own(spec, self.common)
        self.name = spec.name
        self.state = state_of(self.name, running)
        self.earlier = read_settings(self.state)
        platform = choices.on or (self.earlier.platform if self.earlier else None)
        platform = platform or (self.member.platform if self.member else None)
        platform = hub.PLATFORM if self.common else platform
        self.expanded = expand(spec, reader, platform)
        if self.expanded.platform == "vps":
            from labctl.work.provider_book import read_book

            self.expanded = replace(self.expanded, book=read_book(self.name))
        self.settings = Settings(
            str(self.file),
            name,
            _publishing(self.earlier, choices),
            self.expanded.platform,
            _behind_edge(self.earlier, choices),
        )
        self.notices: tuple[str, ...] = ()

    def _file(self, target: str, earlier: Settings | None) -> Path:
        """The lab file: the class's, that of the last ``up``, or what the target means."""
        if ours := self.member or self.common:
            return Path(ours.file)
        return Path(earlier.file) if earlier else find_lab_file(target).absolute()

    @cached_property
    def lab(self) -> Lab:
        """The lab, placed."""
        from labctl import platforms

        platform = platforms.load(self.expanded.platform)
        subnets = addresses.subnets_for(
            self.name,
            platform.SEGMENTS,
            self.expanded.subnets,
            data_home(),
            up=self.earlier is not None,
            write=not self.dry,
            others=lambda: _engine_subnets(self.name),
            small=bool(self.member or self.common),
        )
        lab = platforms.placed(self.expanded, subnets, self._publishing)
        if self.common:
            lab = behind(lab, str(doors.of(self.name))) if lab.sites else lab
            return hub.closed(lab, str(doors.hub(self.name)))
        if self.settings.edge and not self.member:
            return behind(lab, str(doors.of(self.name)))
        return sandbox.closed(lab, self.member.seat, self.member.quota) if self.member else lab

    @property
    def _publishing(self) -> Publishing:
        """The host's ports at which the lab is found: its own, or those of the edge."""
        if not self.settings.edge and not self.member:
            return self.settings.publishing
        from labctl.work import edge_home

        return edge_home.settings().publishing

    @cached_property
    def kept(self) -> Kept:
        """What the lab keeps; made now where it is missing."""
        kept, self.notices = keep(
            self.lab, wants(self.lab), lab_home(self.name), datetime.now(UTC), write=not self.dry
        )
        return kept


def _publishing(earlier: Settings | None, choices: Choices) -> Publishing:
    """What the command line says, else as the last time."""
    before = earlier.publishing if earlier else Publishing()
    said = {k: v for k in ("http", "https", "public") if (v := getattr(choices, k)) is not None}
    return replace(before, ipv6=addresses.has_ipv6_loopback(), **said)


def _behind_edge(earlier: Settings | None, choices: Choices) -> bool:
    """What the command line says, else as the last time."""
    before = earlier.edge if earlier else False
    return before if choices.edge is None else choices.edge


def _engine_subnets(lab: str) -> list[str]:
    """The subnets of the engine's networks, those of ``lab`` itself apart; none without engine."""
    from labctl.engines import api

    try:
        return [subnet for subnet, owner in api.subnets() if owner != lab]
    except LabctlError:
        return []


def wants(lab: Lab) -> Iterable[Want]:
    """Everything that the lab's services and machines want kept."""
    for service in lab.services.values():
        yield from service.expansion.wants
        yield from service.expansion.accounts
    for machine in lab.machines.values():
        yield from machine.wants
    yield from variables.wants(lab.checks)


def _relative(path: Path) -> Path:
    """A path as people would type it: relative where it is below this directory."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path
