"""Progress: one live line a machine on a terminal, a plain log elsewhere."""

from __future__ import annotations

import shutil
import sys
import threading
import time

from labctl.cli.output import coloured, paint

_FINAL = {"ready": "green", "not ready": "red"}


class Progress:
    """Shows what happens to each machine; call it with a name and a word. Thread-safe."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.live = coloured(sys.stderr) and not quiet
        self.states: dict[str, str] = {}
        self.drawn = 0
        self.start = time.monotonic()
        self.lock = threading.Lock()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.drawn = 0

    def __call__(self, name: str, state: str) -> None:
        """Tell that ``name`` is now in ``state``."""
        with self.lock:
            if self.quiet or self.states.get(name) == state:
                return
            self.states[name] = state
            if self.live:
                self._draw()
            else:
                print(f"{self._seconds()} {name}: {state}", file=sys.stderr, flush=True)

    def _seconds(self) -> str:
        return f"{time.monotonic() - self.start:5.1f}s"

    def _draw(self) -> None:
        width = max(map(len, self.states))
        room = max(shutil.get_terminal_size().columns - width - 5, 10)  # a line never wraps
        lines = [
            f"\x1b[2K  {name:{width}}  {paint(state[:room], _FINAL.get(state, 'blue'), sys.stderr)}"
            for name, state in self.states.items()
        ]
        up = f"\x1b[{self.drawn}A" if self.drawn else ""
        print(up + "\n".join(lines), file=sys.stderr, flush=True)
        self.drawn = len(lines)
