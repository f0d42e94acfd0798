"""Doing the same for several things at a time, where each is mostly waiting.

(``concurrent.futures`` takes longer to import than a whole round of questions to a lab.)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")
Made = TypeVar("Made")


def each(work: Callable[[Item], Made], items: Iterable[Item]) -> list[Made]:
    """``work`` of every item, a thread each, in the order of the items; the first error raised."""
    todo = list(items)
    made: dict[int, Made] = {}
    errors: dict[int, BaseException] = {}

    def one(number: int, item: Item) -> None:
        try:
            made[number] = work(item)
        except BaseException as error:  # noqa: BLE001 (raised again below)
            errors[number] = error

    threads = [threading.Thread(target=one, args=pair, daemon=True) for pair in enumerate(todo)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[min(errors)]
    return [made[number] for number in range(len(todo))]
