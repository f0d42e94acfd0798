"""Steps of something long, told on standard error with the time that has passed."""

from __future__ import annotations

import sys
import time

from labctl.cli.output import paint


class Steps:
    """Call it with what is being done now."""

    def __init__(self) -> None:
        self.start = time.monotonic()

    def __call__(self, text: str) -> None:
        """Tell a step."""
        seconds = f"{time.monotonic() - self.start:6.1f}s"
        print(f"{paint(seconds, 'dim', sys.stderr)} {text}", file=sys.stderr, flush=True)
