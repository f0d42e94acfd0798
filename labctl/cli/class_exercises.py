"""``labctl class begin`` and ``labctl class end``."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from labctl.cli.class_running import meant, told
from labctl.cli.progress import Progress


def begin(options: argparse.Namespace) -> int:
    """Prepare sandboxes for exercises; 0 where that was done in all of them."""
    return _do(options, begins=True)


def end(options: argparse.Namespace) -> int:
    """Put back what exercises have changed."""
    return _do(options, begins=False)


def _do(options: argparse.Namespace, begins: bool) -> int:
    from labctl.errors import LabctlError
    from labctl.work import class_exercises

    if bool(options.exercises) == options.all:
        hint = "name some, or say --all"
        raise LabctlError("which exercises?", hint, status=2)
    record, places, jobs = meant(options)
    deed = class_exercises.begin if begins else class_exercises.end
    with Progress(quiet=options.json) as progress:
        outcomes = deed(record, places, options.exercises, jobs, progress)
    return told(options, record, outcomes)


VERBS: dict[str, Callable[[argparse.Namespace], int]] = {"begin": begin, "end": end}
