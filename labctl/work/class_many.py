"""The same for many sandboxes of a class at a time, each for itself."""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from labctl.classes.record import Place
from labctl.errors import LabctlError

Report = Callable[[str, str], None]
Work = Callable[[Place], str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one sandbox: a word or two, or the trouble; ``seconds`` that it took.

    That of what a class shares is ``shared``; its ``id`` is the class's name.
    """

    id: str
    done: str = ""
    trouble: str = ""
    seconds: float = 0.0
    shared: bool = False


def jobs_for_host() -> int:
    """How many sandboxes at a time: the engine is busy with a few, and the rest only waits."""
    return max(4, min(16, 3 * (os.cpu_count() or 1)))


def at_a_time(
    places: Iterable[Place], jobs: int, work: Work, report: Report
) -> tuple[Outcome, ...]:
    """Do the same for several places, ``jobs`` at a time; no failure stops another."""
    todo: queue.SimpleQueue[Place] = queue.SimpleQueue()
    wanted = tuple(places)
    for place in wanted:
        todo.put(place)
    found: dict[str, Outcome] = {}

    def worker() -> None:
        while True:
            try:
                place = todo.get_nowait()
            except queue.Empty:
                return
            found[place.id] = _outcome(place, work, report)

    threads = [threading.Thread(target=worker, daemon=True) for _ in range(min(jobs, len(wanted)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return tuple(found[place.id] for place in wanted)


def _outcome(place: Place, work: Work, report: Report) -> Outcome:
    start = time.monotonic()
    try:
        done, trouble = work(place), ""
    except LabctlError as error:
        done, trouble = "", str(error)
    except Exception as error:  # noqa: BLE001 (one sandbox's trouble is not the others')
        done, trouble = "", f"{type(error).__name__}: {error}"
    report(place.id, done or "not ready")
    return Outcome(place.id, done, trouble, time.monotonic() - start)
