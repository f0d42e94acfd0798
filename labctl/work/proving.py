"""Proving exercises: in a fresh lab each is unsolved, and its own solution solves it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from labctl.checks.runner import Result
from labctl.engines.compose import Engine
from labctl.errors import LabctlError
from labctl.exercises import steps
from labctl.exercises.folders import Steps
from labctl.exercises.reader import Exercise, named
from labctl.experiments.apparatus.trial import Changing, tailed, trial
from labctl.model import Check, PlatformName
from labctl.spec import checks
from labctl.work.checking import ask
from labctl.work.execute import running
from labctl.work.exercising import exercises_of
from labctl.work.session import Choices, Session
from labctl.work.signing import sign

Say = Callable[[str], None]
_SETTLES = 30.0  # seconds within which what was done shows: a reload, a signed zone
_PAUSE = 0.3


@dataclass(frozen=True, slots=True)
class Proof:
    """An exercise with what is wrong with it; ``seconds`` is how long the proof took.

    One that is ``skipped`` cannot be done on this platform, and says so.
    """

    exercise: Exercise
    troubles: tuple[str, ...] = ()
    seconds: float = 0.0
    skipped: bool = False


def prove(
    target: str, names: Sequence[str], platform: PlatformName | None, say: Say
) -> tuple[Proof, ...]:
    """Prove exercises of a lab, all where none is named; a lab that is up is not touched.

    Each gets a copy of the lab under a name of its own, of which nothing is left. LabctlError
    where an exercise cannot be read.
    """
    session = Session(target, Choices(on=platform), dry=True, running=True)
    found = exercises_of(session)
    if not found:
        raise LabctlError(f"{session.name} has no exercises", "they lie in its folder exercises", 2)
    chosen = [named(found, name) for name in names] or found
    return tuple(_proved(session, exercise, say) for exercise in chosen)


def _proved(session: Session, exercise: Exercise, say: Say) -> Proof:
    if not exercise.fits(session.expanded.platform):
        return Proof(exercise, skipped=True)
    start = time.monotonic()
    name = tailed(session.name, f"-try-{exercise.name}"[:20].rstrip("-"))

    def tell(text: str) -> None:
        say(f"{exercise.name}: {text}")

    troubles: list[str] = []
    platform = session.expanded.platform
    with trial(session.file, name, platform, tell) as changing:
        try:
            _Proving(exercise, changing, tell, troubles).run()
        except LabctlError as error:
            troubles.append(str(error))
    for trouble in troubles:
        tell(trouble)
    return Proof(exercise, tuple(troubles), time.monotonic() - start)


class _Proving:
    """The proof of one exercise, step by step; ``troubles`` gets what is wrong with it."""

    def __init__(
        self, exercise: Exercise, changing: Changing, say: Say, troubles: list[str]
    ) -> None:
        self.exercise = exercise
        self.changing = changing
        self.say = say
        self.troubles = troubles
        self.name = changing.choices.name or ""

    def run(self) -> None:
        self.changing.build_images()
        self.say(f"bringing up {self.name}")
        self.up()
        self.apply("setup")
        self.before()
        self.apply("solution")
        self.after()
        self.own()
        self.apply("cleanup")

    def up(self) -> None:
        self.session, _ = self.changing.up()
        self.containers = running(Engine(), self.name)

    def apply(self, phase: str) -> None:
        """What the exercise does to the lab; LabctlError where it fails."""
        wanted: Steps = getattr(self.exercise, phase)
        if not wanted:
            return
        self.say(phase)
        try:
            if wanted.lab:
                self.changing.lay_over(wanted.lab)
                self.up()
            steps.apply(wanted, self.session.lab, self.containers, partial(sign, self.name))
        except (LabctlError, ValueError) as error:
            raise LabctlError(f"{phase}: {error}") from None

    def before(self) -> None:
        """Not one check holds yet, those apart that say so; each is asked, whatever it needs."""
        asked = [replace(check, needs=()) for check in self.asked()]
        holding = {check.name for check in self.exercise.checks if check.before}
        self.say(f"before the solution: {len(asked)} checks")
        for result in self.settled(asked, lambda r: r.passed == (r.check.name in holding)):
            if result.passed:
                self.troubles.append(
                    f"worthless: '{result.check.name}' holds before the solution"
                    " (`before: true` says that it is meant to)"
                )
            else:
                self.fails(f"'{result.check.name}' does not hold before the solution", result)

    def after(self) -> None:
        """Every check of the exercise holds."""
        asked = self.asked()
        self.say(f"after the solution: {len(asked)} checks")
        for result in self.settled(asked, lambda r: r.passed):
            self.fails(f"after the solution '{result.check.name}' does not hold", result)

    def own(self) -> None:
        """The checks of the lab itself hold, those apart that the exercise may break."""
        asked = [c for c in self.session.lab.checks if c.name not in self.exercise.breaks]
        for name in sorted(self.exercise.breaks - {c.name for c in self.session.lab.checks}):
            self.troubles.append(f"breaks: the lab has no check '{name}'")
        self.say(f"after the solution: {len(asked)} checks of the lab's own")
        for result in self.settled(asked, lambda r: r.passed):
            self.fails(f"the lab's own check '{result.check.name}' no longer holds", result)

    def asked(self) -> list[Check]:
        lab, name = self.session.lab, self.exercise.name
        return [checks.made(spec, lab, name) for spec in self.exercise.checks]

    def settled(self, asked: Sequence[Check], good: Callable[[Result], bool]) -> list[Result]:
        """Results that are not as they should be, after what was done has had time to show."""
        deadline = time.monotonic() + _SETTLES
        while True:
            last = time.monotonic() > deadline  # asked since: a check may take longer than that
            results = ask(self.session, asked, self.containers)
            wrong = [result for result in results if not good(result)]
            if not wrong or last:
                return wrong
            time.sleep(_PAUSE)  # between two askings: nothing tells when a change shows

    def fails(self, what: str, result: Result) -> None:
        needs = f"not asked, it needs '{', '.join(result.unmet)}'"
        self.troubles.append(f"{what}: {needs if result.unmet else '; '.join(result.differences)}")


def proved(proofs: Iterable[Proof]) -> bool:
    """Whether nothing is wrong with any of them."""
    return not any(proof.troubles for proof in proofs)
