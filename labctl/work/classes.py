"""A class made, its roster changed, and what there is of it on this host."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from labctl.classes import registry, roster
from labctl.classes.record import (
    NO_LIMITS,
    RESERVED,
    ClassRecord,
    Place,
    clashes,
    succeeds,
)
from labctl.classes.roster import Student
from labctl.engines import EngineUnreachable
from labctl.errors import LabctlError
from labctl.keep import data_home
from labctl.keep.files import AUTHORITY
from labctl.model import HOSTS, Limits, PlatformName, Seat
from labctl.spec.problems import InvalidLab, nearest
from labctl.spec.specification import Spec
from labctl.work.session import find_lab_file, read_settings, state_directory, state_of

PLATFORM: PlatformName = "bare-metal"  # of a class that says nothing: one machine a student
_SAMPLE = "s01"


@dataclass(frozen=True, slots=True)
class Wish:
    """What a class is to be: as `labctl class create` is told."""

    name: str
    lab: str
    domain: str = ""
    platform: PlatformName | None = None
    own: tuple[str, ...] = ()
    limits: Limits = NO_LIMITS
    idle: int = 0
    until: int = 0


def create(wish: Wish, file: Path) -> ClassRecord:
    """Make a class of a roster. InvalidRoster or LabctlError where that cannot be."""
    record = proposed(wish)
    students = _read(file, taken(record))
    _refuse_clashes(record, students)
    return registry.create(record, students)


def proposed(wish: Wish, implicit: bool = False) -> ClassRecord:
    """The class that is wished for, without anybody in it; LabctlError where it cannot be."""
    file = find_lab_file(wish.lab).absolute()
    platform = wish.platform or PLATFORM
    record = ClassRecord(
        wish.name, str(file), wish.domain or f"{wish.name}.test", platform, wish.limits, wish.own,
        wish.idle, wish.until, int(time.time()), str(state_directory("x").parent), implicit,
    )  # fmt: skip
    _refuse_name(record)
    if not implicit:
        _refuse_lab(record.name)
    _refuse_domain(record)
    spec = spec_of(record)
    for name in record.own:
        if name not in spec.services:
            hint = nearest(name, spec.services)
            raise LabctlError(f"--own: the lab has no service '{name}'", hint, status=2)
    return record


def spec_of(record: ClassRecord, seat: Seat | None = None) -> Spec:
    """The class's lab file as a lab of its own, or as the sandbox of a seat; InvalidLab."""
    from labctl.expand import expand
    from labctl.spec.lab import load
    from labctl.work.session import _relative

    try:
        spec, reader = load(_relative(Path(record.lab)), "" if seat else record.name, seat)
    except FileNotFoundError:
        hint = "put it back: the class's sandboxes are made from it"
        raise LabctlError(f"{record.lab} is gone", hint) from None
    if reader.problems:
        raise InvalidLab(reader.problems, reader.document.lines)
    expand(spec, reader, record.platform)
    return spec


def taken(record: ClassRecord) -> dict[str, str]:
    """Ids that no student can have: names of the class's own services and sites."""
    spec = spec_of(record)
    why = f"{record.name} itself has something of that name"
    shared = {name for name, one in spec.services.items() if one.shared}
    sites = (site for site in spec.sites if site.service in shared)
    labels = {name.rpartition(".")[2] for site in sites for name in site.names}
    return dict.fromkeys({*shared, *labels, HOSTS}, why)


def _refuse_name(record: ClassRecord) -> None:
    name = record.name
    if name in RESERVED:
        raise LabctlError(f"no class can be called '{name}'", "take another name", status=2)
    if registry.find(name):
        hint = f"`labctl class roster {name} FILE` changes who is in it"
        raise LabctlError(f"there is a class '{name}' already", hint, status=2)
    if found := registry.seat_of(name):
        raise LabctlError(
            f"'{name}' is the sandbox of {found[1].id} in {found[0].name}",
            "take another name", status=2,
        )  # fmt: skip
    earlier = read_settings(state_of(name, running=_engine_answers()))
    if earlier and Path(earlier.file) != Path(record.lab):
        raise LabctlError(
            f"there is a lab '{name}', of {earlier.file}", "give the class another name", status=2
        )


def _refuse_lab(name: str) -> None:
    """A class has a lab of its own, called as the class: nobody else's becomes that."""
    if name in labs():
        raise LabctlError(
            f"there is a lab '{name}'",
            f"give the class another name, or `labctl down {name} --purge` it first", status=2,
        )  # fmt: skip


def _refuse_domain(record: ClassRecord) -> None:
    """No name of one class is below the domain of another."""
    mine = f".{record.domain}"
    for other in registry.everything():
        theirs = f".{other.domain}"
        if mine.endswith(theirs) or theirs.endswith(mine):
            raise LabctlError(
                f"the domain {record.domain} meets {other.domain} of the class {other.name}",
                "say another with --domain", status=2,
            )  # fmt: skip


def _read(file: Path, names: dict[str, str]) -> tuple[Student, ...]:
    try:
        data = file.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise LabctlError(f"{file}: {reason}", "a roster is a CSV file", status=2) from None
    return roster.read(data, str(file), names)


def _refuse_clashes(record: ClassRecord, students: Iterable[Student]) -> None:
    others = tuple(one for one in registry.everything() if one.name != record.name)
    known = {place.id for place in record.seats}
    ids = [student.id for student in students if student.id not in known]
    registry.refuse(clashes(record.name, ids, others, labs()))


def labs() -> frozenset[str]:
    """The names of all labs of which there is anything: containers, state, or kept things."""
    base = state_directory("x").parent
    kept = {path.parent.name for path in data_home().glob(f"*/{AUTHORITY}")}
    return frozenset({*kept, *(path.name for path in base.glob("*")), *_running()})


def _running() -> Sequence[str]:
    from labctl.work.which import running_labs

    try:
        return running_labs()
    except EngineUnreachable:
        return ()


def _engine_answers() -> bool:
    from labctl.engines import api

    try:
        api.call("GET", "/_ping")
    except EngineUnreachable:
        return False
    return True


@dataclass(frozen=True, slots=True)
class RosterChange:
    """What another roster means for a class: who comes, who goes, whose data is new.

    ``successors`` are those who come with the id of somebody else who was removed.
    """

    record: ClassRecord
    added: tuple[Student, ...]
    removed: tuple[str, ...]
    updated: tuple[Student, ...]
    successors: tuple[Student, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether it means nothing."""
        return not (self.added or self.removed or self.updated)


def compare_roster(name: str, file: Path) -> RosterChange:
    """A roster beside the one that the class has. InvalidRoster, or LabctlError for clashes."""
    record = registry.get(name)
    students = _read(file, taken(record))
    before = [place.student for place in record.active]
    added, gone, updated = roster.changed(before, students)
    _refuse_clashes(record, added)
    places = {place.id: place for place in record.seats}
    successors = (one for one in added if one.id in places and succeeds(places[one.id], one))
    return RosterChange(record, tuple(added), tuple(gone), tuple(updated), tuple(successors))


def chosen(record: ClassRecord, only: Sequence[str]) -> tuple[Place, ...]:
    """The places that are meant: of all on the roster, or of some by id."""
    only = [roster.as_id(one) for one in only]
    unknown = [
        one for one in only if not (found := record.place(one)) or found not in record.active
    ]
    if unknown:
        ids = [place.id for place in record.active]
        hint = nearest(unknown[0], ids) if len(ids) < 40 else f"`labctl class list {record.name}`"
        raise LabctlError(f"{record.name} has no student '{', '.join(unknown)}'", hint, status=2)
    return tuple(place for place in record.active if not only or place.id in only)


def at_home(record: ClassRecord) -> None:
    """Let this process find the class's state where it lies, from wherever it was started."""
    if record.home:
        os.environ["HOSTING_LABCTL_DIR"] = record.home


def implicit(lab: str, student: str) -> ClassRecord:
    """The class that a lab or a class name means, with a place for this student.

    A lab is a class of its own name, to which students are added as they come.
    """
    student = roster.as_id(student)
    found = registry.find(lab)
    if found is None:
        proposal = proposed(Wish(_lab_name(lab), lab), implicit=True)
        found = registry.find(proposal.name) or registry.create(proposal, ())
    place = found.place(student)
    if place and place.state != "removed":
        return found
    if not found.implicit:
        hint = f"`labctl class roster {found.name} FILE` adds students"
        raise LabctlError(f"{found.name} has no student '{student}'", hint, status=2)
    line = f"id,name\n{student},{student}\n".encode()
    students = roster.read(line, "the command line", taken(found))
    _refuse_clashes(found, students)
    return registry.enrol(found.name, students)


def _lab_name(lab: str) -> str:
    from labctl.spec.lab import load

    return load(find_lab_file(lab))[0].name
