"""Where labctl's own files are: in a checkout beside the package, in a wheel inside it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


@cache
def _data(name: str) -> Path:
    installed = PACKAGE / "_data" / name
    return installed if installed.is_dir() else PACKAGE.parent / name


def templates() -> Path:
    """The directory with one folder of Jinja templates a kind."""
    return _data("templates")


def stacks() -> Path:
    """The directory with the labs that come with labctl."""
    return _data("stacks")


def machine_scripts() -> Path:
    """The directory whose files every machine has in ``/usr/lib/labctl``."""
    return PACKAGE / "machine" / "bin"
