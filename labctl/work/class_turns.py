"""Who starts what a class shares, and who stops it: never both at a time."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from labctl.classes import registry

_LOCK = "up.lock"


@contextmanager
def coming_up(name: str) -> Iterator[None]:
    """While sandboxes of a class are brought up; any number of labctls at a time may be."""
    with _locked(name, fcntl.LOCK_SH):
        yield


@contextmanager
def nobody_comes_up(name: str) -> Iterator[bool]:
    """Whether no sandbox of a class is being brought up; where none is, none is meanwhile."""
    try:
        with _locked(name, fcntl.LOCK_EX | fcntl.LOCK_NB):
            yield True
    except BlockingIOError:
        yield False


@contextmanager
def _locked(name: str, how: int) -> Iterator[None]:
    path = registry.folder(name) / _LOCK
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
