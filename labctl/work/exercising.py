"""The exercises of a lab, and beginning or ending one on a lab that is up."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from labctl.engines.compose import Engine
from labctl.errors import LabctlError
from labctl.exercises import reader, steps
from labctl.exercises.folders import Steps
from labctl.exercises.reader import Exercise
from labctl.work import begun
from labctl.work.execute import running
from labctl.work.session import Session
from labctl.work.signing import sign


def exercises_of(session: Session) -> tuple[Exercise, ...]:
    """All exercises of a lab; InvalidLab with every problem of theirs.

    A sandbox has those that can be done without what the class shares.
    """
    folder, shared = Path(os.path.relpath(session.file.parent)), session.expanded.shared
    found = reader.exercises(folder, {*session.lab.machines, *session.lab.services, *shared})
    return tuple(exercise for exercise in found if not exercise.touches & shared)


def exercise_of(session: Session, word: str) -> Exercise:
    """The exercise of a lab that a word means; LabctlError where there is none."""
    return reader.named(exercises_of(session), word)


def begin(target: str, word: str) -> Exercise:
    """Apply an exercise's setup to a lab that is up. LabctlError where that cannot be done."""
    session, exercise = _found(target, word)
    prepare(session, exercise)
    return exercise


def prepare(session: Session, exercise: Exercise) -> None:
    """Apply an exercise's setup; that is noted where the lab is a sandbox."""
    refuse_unfit(session, exercise)
    _apply(session, exercise, exercise.setup)
    begun.add(session.name, exercise.name)


def refuse_unfit(session: Session, exercise: Exercise) -> None:
    """LabctlError where an exercise cannot be done on this lab's platform."""
    if not exercise.fits(session.expanded.platform):
        raise LabctlError(
            f"{exercise.name} cannot be done on {session.expanded.platform}",
            f"only on {', '.join(exercise.platforms)}",
        )


def end(target: str, word: str) -> Exercise:
    """Apply an exercise's cleanup. LabctlError where that cannot be done."""
    session, exercise = _found(target, word)
    put_back(session, exercise)
    return exercise


def put_back(session: Session, exercise: Exercise) -> None:
    """Apply an exercise's cleanup: it is no longer begun."""
    _apply(session, exercise, exercise.cleanup)
    begun.remove(session.name, exercise.name)


def _found(target: str, word: str) -> tuple[Session, Exercise]:
    session = Session(target, dry=True, running=True)
    return session, exercise_of(session, word)


def _apply(session: Session, exercise: Exercise, wanted: Steps) -> None:
    containers = running(Engine(), session.name)
    if not containers:
        raise LabctlError(f"{session.name} is not up", f"`labctl up {session.name}` brings it up")
    if wanted.lab:  # it is somebody's own folder
        files = ", ".join(sorted(wanted.lab))
        raise LabctlError(
            f"{exercise.name} changes files of the lab's folder: {files}",
            f"copy them from {exercise.folder} yourself, then `labctl up {session.name}`",
        )
    steps.apply(wanted, session.lab, containers, partial(sign, session.name))
