"""A question before something that cannot be undone."""

from __future__ import annotations

import sys

from labctl.errors import LabctlError


def agreed(text: str, yes: bool) -> None:
    """Say what is to be done, and ask on a terminal unless ``yes``; LabctlError for a no."""
    if yes:
        return
    print(text, file=sys.stderr)
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise LabctlError("nothing was done: nobody is there to agree", "--yes agrees", status=1)
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise LabctlError("nothing was done", "the answer was not yes")
