"""The provider's book on disk, among what a lab keeps: it survives ``down``, not a purge."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from labctl.keep import lab_home
from labctl.keep.files import BOOK, Files, opened
from labctl.model import Limits
from labctl.platforms.book import Book, Resized, Restored, Server


def read_book(lab: str) -> Book:
    """The book of a lab; LabctlError where it is damaged."""
    return _book(Files(lab_home(lab), write=False).read(BOOK))


def change_book(lab: str, change: Callable[[Book], Book]) -> Book:
    """Change the book of a lab, alone; what it says now."""
    with opened(lab_home(lab), write=True) as kept:
        book = change(_book(kept.read(BOOK)))
        kept.save(BOOK, asdict(book))
    return book


def forget_restored(lab: str) -> None:
    """Machines that are taken down come back from their packages, not from a snapshot."""
    if read_book(lab).restored:
        change_book(lab, lambda book: replace(book, restored={}))


def _book(saved: Any) -> Book:
    if saved is None:
        return Book()
    return Book(
        {
            machine: {limit: Resized(**order) for limit, order in sizes.items()}
            for machine, sizes in saved["sizes"].items()
        },
        {
            name: Server(tuple(one["packages"]), Limits(**one["limits"]))
            for name, one in saved["servers"].items()
        },
        {
            name: Restored(one["image"], tuple(one["packages"]))
            for name, one in saved["restored"].items()
        },
    )
