"""One run of checks as data: what was asked, what held, what it counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from labctl.checks.expect import visible
from labctl.checks.runner import Result
from labctl.exercises.exercise_file import anchor

BEGUN = "the exercise is begun"  # what checks need that are asked of nobody before


@dataclass(frozen=True, slots=True)
class Record:
    """The result of one check. All texts are printable, whatever a machine has said.

    ``attempts`` counts how often it was asked, 0 where what it ``needs`` does not hold
    (``unmet``), or where it cannot be asked outside the lab. ``lesson`` is where it is taught,
    ``of`` the points that it can bring.
    """

    check: str
    service: str
    exercise: str
    client: str
    origin: str
    passed: bool
    points: int
    of: int
    attempts: int = 1
    retries: int = 0
    differences: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()
    hint: str = ""
    lesson: str = ""

    @property
    def excused(self) -> bool:
        """Whether it could not be asked, whatever was done: it counts for nothing."""
        return not self.attempts and not self.unmet

    @property
    def state(self) -> str:
        """``holds``, ``does not hold`` or ``not asked``; what held on a retry says so."""
        if not self.attempts:
            return "not asked"
        held = "holds" if self.passed else "does not hold"
        return f"{held}, on attempt {self.attempts}" if self.attempts > 1 else held

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why it brings no points, a line each."""
        if not self.unmet:
            return self.differences
        return (f"it needs what does not hold: {'; '.join(self.unmet)}",)


@dataclass(frozen=True, slots=True)
class Group:
    """The records of an exercise, or of the lab's own checks (then ``name`` is empty)."""

    name: str
    title: str
    records: tuple[Record, ...]

    @property
    def begun(self) -> bool:
        """Whether its checks were asked, and not left for later."""
        return not any(BEGUN in record.unmet for record in self.records)

    @property
    def points(self) -> int:
        """What was reached."""
        return sum(record.points for record in self.records)

    @property
    def of(self) -> int:
        """What can be reached."""
        return sum(record.of for record in self.records)


@dataclass(frozen=True, slots=True)
class Run:
    """One run. ``time`` is UTC (RFC 3339), ``id`` random; ``titles`` are those of exercises.

    ``target`` are the URLs of the server that was asked in place of the lab, "" for none.
    """

    lab: str
    time: str
    id: str
    records: tuple[Record, ...]
    titles: Mapping[str, str] = field(default_factory=dict)
    target: str = ""

    @property
    def groups(self) -> tuple[Group, ...]:
        """The records by exercise, in their order."""
        names = dict.fromkeys(record.exercise for record in self.records)
        return tuple(
            Group(
                name,
                self.titles.get(name, name) if name else f"{self.lab}: the lab itself",
                tuple(record for record in self.records if record.exercise == name),
            )
            for name in names
        )

    @property
    def points(self) -> int:
        """What was reached in all."""
        return sum(record.points for record in self.records)

    @property
    def of(self) -> int:
        """What can be reached in all."""
        return sum(record.of for record in self.records)


def made(
    lab: str,
    stamp: tuple[str, str],
    results: Iterable[Result],
    titles: Mapping[str, str],
    target: str = "",
) -> Run:
    """A run of results; ``stamp`` is its time and its id."""
    shown = {name: visible(title) for name, title in titles.items()}
    return Run(lab, *stamp, tuple(record(result) for result in results), shown, visible(target))


def record(result: Result) -> Record:
    """One result as it is kept and shown."""
    check = result.check
    told = result.passed or not (result.asked or result.unmet)  # nothing is left to be done
    return Record(
        check=visible(check.name),
        service=check.service,
        exercise=check.exercise,
        client=check.client,
        origin=check.origin,
        passed=result.passed,
        points=result.points,
        of=check.points,
        attempts=result.attempts,
        retries=check.retries,
        differences=tuple(visible(difference) for difference in result.differences),
        unmet=tuple(visible(name) for name in result.unmet),
        hint="" if told else visible(check.hint),
        lesson="" if told else _lesson(check.exercise, check.lesson),
    )


def _lesson(exercise: str, heading: str) -> str:
    """Where something is taught: a heading of the exercise's lesson."""
    if not exercise:
        return visible(heading)
    return f"exercises/{exercise}/README.md" + (f"#{anchor(heading)}" if heading else "")


def as_json(run: Run) -> dict[str, Any]:
    """A run as JSON, as it is kept."""
    return {
        "lab": run.lab,
        "time": run.time,
        "id": run.id,
        "target": run.target,
        "points": run.points,
        "of": run.of,
        "titles": dict(run.titles),
        "checks": [record_as_json(one) for one in run.records],
    }


def record_as_json(one: Record) -> dict[str, Any]:
    """A record as JSON."""
    return {
        "check": one.check,
        "service": one.service,
        "exercise": one.exercise,
        "client": one.client,
        "from": one.origin,
        "passed": one.passed,
        "points": one.points,
        "of": one.of,
        "attempts": one.attempts,
        "retries": one.retries,
        "differences": list(one.differences),
        "unmet": list(one.unmet),
        "hint": one.hint,
        "lesson": one.lesson,
    }


def from_json(data: Mapping[str, Any]) -> Run:
    """A run that was kept. KeyError or TypeError where it is something else."""
    found = []
    for one in data["checks"]:
        values = {key: value for key, value in one.items() if key != "from"}
        lists = {key: tuple(values[key]) for key in ("differences", "unmet")}
        found.append(Record(origin=one["from"], **{**values, **lists}))
    where = data.get("target", "")
    return Run(data["lab"], data["time"], data["id"], tuple(found), data["titles"], where)
