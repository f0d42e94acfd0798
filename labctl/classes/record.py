"""What is known of a class: frozen values, and the rules of names and numbers. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from labctl.classes.roster import Student
from labctl.errors import LabctlError
from labctl.model import Limits, PlatformName, Seat

State = Literal["active", "archived", "removed"]
NO_LIMITS = Limits(memory=0, cpus=0.0, processes=0)
LAB_NAME = 31  # characters of a lab's name at most
# names that would mean something else beside classes and labs
RESERVED = frozenset({"classes", "edge"})


@dataclass(frozen=True, slots=True)
class Place:
    """A student's place, whether or not their sandbox is up.

    ``number`` is no other place's on this host, as long as this one is known. One that is
    ``archived`` comes back by ``class up``, one that was ``removed`` by the roster only.
    ``restore`` is the archive that its next start puts back. Times are seconds since 1970:
    ``used`` when somebody was last seen in it, ``until`` its own end (0: the class's). ``begun``
    are the exercises that were begun there (``labctl.work.begun``), ``turn`` how many other people
    had that id before: what is derived from it is theirs.
    """

    number: int
    student: Student
    state: State = "active"
    restore: str = ""
    used: int = 0
    until: int = 0
    begun: tuple[str, ...] = ()
    turn: int = 0

    @property
    def id(self) -> str:
        """The student's id."""
        return self.student.id


@dataclass(frozen=True, slots=True)
class ClassRecord:
    """A class: its lab file, domain, platform, the quota of each sandbox, and its places.

    Of ``limits`` 0 means the usual. ``own`` are services that each student has although the lab
    shares them. Sandboxes end after ``idle`` seconds without anybody, and at ``until`` (seconds
    since 1970); 0 is never. ``home`` is where their state lies. An ``implicit`` one was made by
    `labctl sandbox up`.
    """

    name: str
    lab: str
    domain: str
    platform: PlatformName
    limits: Limits = NO_LIMITS
    own: tuple[str, ...] = ()
    idle: int = 0
    until: int = 0
    made: int = 0
    home: str = ""
    implicit: bool = False
    seats: tuple[Place, ...] = ()

    @property
    def active(self) -> tuple[Place, ...]:
        """The places of those who are on the roster, archived or not."""
        return tuple(place for place in self.seats if place.state != "removed")

    def place(self, student: str) -> Place | None:
        """The place of a student."""
        return next((place for place in self.seats if place.id == student), None)

    def seat(self, student: str) -> Seat:
        """The seat of a student, as labs know it."""
        place = self.place(student)
        return Seat(self.name, student, self.domain, turn=place.turn if place else 0)

    def sandbox(self, student: str) -> str:
        """The name of a student's sandbox."""
        return f"{self.name}-{student}"

    def with_place(self, changed: Place) -> ClassRecord:
        """The class with one place changed."""
        seats = (changed if place.id == changed.id else place for place in self.seats)
        return replace(self, seats=tuple(seats))


def as_json(record: ClassRecord) -> dict[str, Any]:
    """A class as it is kept."""
    return asdict(record)


def from_json(data: Mapping[str, Any]) -> ClassRecord:
    """A class as it was kept; KeyError, TypeError or ValueError where it is none."""
    seats = tuple(map(_place, data["seats"]))
    limits = Limits(**data["limits"])
    return ClassRecord(**{**data, "own": tuple(data["own"]), "limits": limits, "seats": seats})


def _place(data: Mapping[str, Any]) -> Place:
    student, begun = Student(**data["student"]), tuple(data.get("begun", ()))
    return Place(**{**data, "student": student, "begun": begun})


def seated(
    record: ClassRecord, students: Iterable[Student], numbers: Collection[int]
) -> ClassRecord:
    """The class with more students, each with the lowest number that nobody has.

    ``numbers`` are those of other classes. Who was removed before gets the old place back; somebody
    else with that id gets no more of it than the number.
    """
    known = {place.id: place for place in record.seats}
    taken = {*numbers, *(place.number for place in record.seats)}
    number = 0
    for student in students:
        if student.id in known:
            known[student.id] = _again(known[student.id], student)
            continue
        number += 1
        while number in taken:
            number += 1
        known[student.id] = Place(number, student)
    return replace(record, seats=tuple(known.values()))


def succeeds(place: Place, student: Student) -> bool:
    """Whether a student has the id of somebody else who was removed."""
    return place.state == "removed" and place.student.name != student.name


def _again(place: Place, student: Student) -> Place:
    if succeeds(place, student):
        return Place(place.number, student, turn=place.turn + 1)
    state: State = "archived" if place.restore else "active"
    back = replace(place, state=state) if place.state == "removed" else place
    return replace(back, student=student)


def clashes(
    name: str, students: Iterable[str], others: Iterable[ClassRecord], labs: Collection[str]
) -> dict[str, str]:
    """Why a class cannot have sandboxes for these students, by id; empty where it can.

    ``labs`` are the names of labs that there are, those of the class itself left out.
    """
    classes = tuple(others)
    theirs = {one.sandbox(place.id): one.name for one in classes for place in one.seats}
    named = {one.name for one in classes}
    found = {}
    for student in students:
        sandbox = f"{name}-{student}"
        if len(sandbox) > LAB_NAME:
            over = len(sandbox) - LAB_NAME
            found[student] = f"'{sandbox}' is {over} characters too long for the name of a lab"
        elif sandbox in named:
            found[student] = f"there is a class '{sandbox}'"
        elif sandbox in theirs:
            found[student] = f"the class '{theirs[sandbox]}' has a sandbox '{sandbox}'"
        elif sandbox in labs:
            found[student] = f"there is a lab '{sandbox}'"
    return found


def check_numbers(records: Iterable[ClassRecord]) -> None:
    """LabctlError where two places have one number: the records were changed by hand."""
    seen: dict[int, str] = {}
    for record in records:
        for place in record.seats:
            sandbox = record.sandbox(place.id)
            other = seen.setdefault(place.number, sandbox)
            if other != sandbox:
                raise LabctlError(
                    f"{other} and {sandbox} have the same number {place.number}",
                    "one of the classes was put back from a copy: destroy it, create it again",
                )
