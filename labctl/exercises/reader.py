"""The exercises of a lab, read from the folder ``exercises`` beside its lab file.

An exercise is a folder: ``exercise.yml`` (title and checks), ``README.md`` (the lesson), and
``setup``, ``solution`` and ``cleanup`` (`labctl.exercises.folders`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from labctl.errors import LabctlError
from labctl.exercises import exercise_file
from labctl.exercises.exercise_file import ExerciseFile
from labctl.exercises.folders import LAB, Fault, Steps, read_steps
from labctl.model import PlatformName
from labctl.spec import content
from labctl.spec.checks import CheckSpec
from labctl.spec.problems import InvalidLab, Mark, Problem, nearest, shown

FOLDER = "exercises"
FILE = "exercise.yml"
LESSON = "README.md"
_TRANSLATED = "README.[a-z][a-z].md"  # the lesson in another language, for people
PHASES = ("setup", "solution", "cleanup")
_NAME = r"[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9]))*"
_MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class Exercise:
    """A task: its lesson, what must hold once it is solved, and how to get there.

    ``name`` is its folder's; ``breaks`` are checks of the lab's own that need not hold after it.
    ``platforms`` are those on which it can be done, all where none is named. One that can be done
    ``anywhere`` needs no lab: a server of the learner's own will do.
    """

    name: str
    title: str
    lesson: str
    folder: Path
    checks: tuple[CheckSpec, ...]
    breaks: frozenset[str] = frozenset()
    setup: Steps = field(default_factory=Steps)
    solution: Steps = field(default_factory=Steps)
    cleanup: Steps = field(default_factory=Steps)
    platforms: tuple[PlatformName, ...] = ()
    anywhere: bool = False

    @property
    def points(self) -> int:
        """What all of its checks together are worth."""
        return sum(check.points for check in self.checks)

    @property
    def touches(self) -> frozenset[str]:
        """The machines and services that it is about, as far as it names them."""
        steps = (self.setup, self.solution, self.cleanup)
        named = {name for phase in steps for name in phase.machines}
        return frozenset(named | {n for c in self.checks for n in (c.service, c.origin) if n})

    def fits(self, platform: PlatformName) -> bool:
        """Whether it can be done on a platform."""
        return not self.platforms or platform in self.platforms

    def begins(self, platform: PlatformName) -> bool:
        """Whether something has to be prepared on machines before it can be done there."""
        return self.fits(platform) and bool(self.setup.machines) and not self.setup.lab


def exercises(folder: Path, machines: Collection[str] = ()) -> tuple[Exercise, ...]:
    """The exercises of the lab in ``folder``, by name; none where it has no such folder.

    ``machines`` are the names of the lab's machines and services; where they are given, an
    exercise may do nothing elsewhere. InvalidLab with every problem of all exercises.
    """
    problems: list[Problem] = []
    lines: dict[str, Sequence[str]] = {}
    found = []
    for path in _folders(folder, problems):
        one = _Folder(path, machines)
        found.append(one.read())
        problems += one.problems
        lines[one.file] = one.lines
    if problems:
        raise InvalidLab(problems, lines)
    return tuple(exercise for exercise in found if exercise)


def named(found: Sequence[Exercise], word: str) -> Exercise:
    """The exercise that a word means: its name, with or without its number, or the number.

    LabctlError where there is none, with the names that there are.
    """
    forms = {form: one for one in found for form in _forms(one.name)}
    names = {one.name: one for one in found}
    if word in names or word in forms:
        return names.get(word) or forms[word]
    if not found:
        raise LabctlError("this lab has no exercises", f"they lie in its folder {FOLDER}", 2)
    raise LabctlError(f"there is no exercise '{shown(word)}'", nearest(word, names), status=2)


def _forms(name: str) -> Iterator[str]:
    number, hyphen, rest = name.partition("-")
    if hyphen and number.isdigit():
        yield from (rest, number, str(int(number)))


def _folders(folder: Path, problems: list[Problem]) -> Iterator[Path]:
    """The folders of exercises by name; what is no exercise's folder is a problem."""
    base = folder / FOLDER
    if base.is_symlink():
        problems.append(Problem(str(base), Mark(1, 1), "", _LINK))
        return
    for path in sorted(base.iterdir()) if base.is_dir() else ():
        if path.name.startswith((".", "__")) or (path.is_file() and not path.is_symlink()):
            continue
        if path.is_symlink():
            problems.append(Problem(str(path), Mark(1, 1), "", _LINK))
        elif len(path.name) > _MAX_NAME or not re.fullmatch(_NAME, path.name):
            message = f"'{shown(path.name)}' is not an exercise's name"
            problems.append(Problem(str(base), Mark(1, 1), "", message, _NAMES))
        else:
            yield path


_LINK = "is a link, which could lead anywhere"
_NAMES = f"lower-case letters, digits and single hyphens, at most {_MAX_NAME} characters"


class _Folder:
    """Reads the folder of one exercise, and notes what is wrong with it."""

    def __init__(self, folder: Path, machines: Collection[str]) -> None:
        self.folder = folder
        self.machines = machines
        self.file = str(folder / FILE)
        self.problems: list[Problem] = []
        self.lines: Sequence[str] = ()

    def read(self) -> Exercise | None:
        """The exercise, None where its file cannot be read."""
        self.strangers()
        lesson = self.text(LESSON, "an exercise has a lesson: what to read, do and notice")
        steps = {phase: self.steps(phase) for phase in PHASES}
        said = self.said(lesson)
        if said is None:
            return None
        return Exercise(
            self.folder.name, said.title, lesson, self.folder, said.checks, said.breaks,
            platforms=said.platforms, anywhere=said.anywhere, **steps,
        )  # fmt: skip

    def strangers(self) -> None:
        """Complain of what is no part of an exercise: most likely a typing error."""
        known = (FILE, LESSON, *PHASES)
        for path in sorted(self.folder.iterdir()):
            mine = path.name in known or fnmatchcase(path.name, _TRANSLATED)
            if not mine and not path.name.startswith((".", "__")):
                self.complain(Fault(shown(path.name), "is no part of an exercise",
                                    nearest(path.name, known)))  # fmt: skip

    def text(self, name: str, hint: str) -> str:
        try:
            return content.read_file(self.folder, name).decode("utf-8")
        except content.ContentError as error:
            missing = not (self.folder / name).exists()
            self.complain(Fault("", f"there is no {name}" if missing else str(error), hint))
        except UnicodeDecodeError:
            self.complain(Fault(name, "not UTF-8 text", "save the file as UTF-8"))
        return ""

    def steps(self, phase: str) -> Steps:
        steps, faults = read_steps(self.folder, phase)
        for fault in faults:
            self.complain(fault)
        for name in steps.machines if self.machines else ():
            if name not in self.machines:
                message = f"the lab has no machine or service '{name}'"
                self.complain(Fault(f"{phase}/{name}", message, nearest(name, self.machines)))
        if phase == "solution" and not steps and not faults:
            self.complain(Fault("", "there is no solution", _SOLUTION))
        return steps

    def said(self, lesson: str) -> ExerciseFile | None:
        """What exercise.yml says."""
        try:
            data = content.read_file(self.folder, FILE)
        except content.ContentError as error:
            missing = not (self.folder / FILE).exists()
            self.complain(Fault("", f"there is no {FILE}" if missing else str(error), _FILE))
            return None
        found = exercise_file.read(data, self.file, lesson, self.machines)
        self.problems += found.problems
        self.lines = found.lines
        return found.said

    def complain(self, fault: Fault) -> None:
        path = str(self.folder / fault.path) if fault.path else str(self.folder)
        mark = Mark(fault.line or 1, 1)
        self.problems.append(Problem(path, mark, "", fault.message, fault.hint))


_SOLUTION = f"a folder `solution` with `NAME/…`, `NAME.sh` or `{LAB}/…` proves that there is one"
_FILE = "it says the exercise's `title` and `checks`"
