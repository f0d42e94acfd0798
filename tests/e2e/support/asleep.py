"""labctl for a lab whose applications sleep, as those of a sandbox do, and which is none else."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labctl import on_demand, platforms
from labctl.cli import main
from labctl.model import Lab
from tests.e2e.support.home import Home


class Sleeping(Home):
    """A home where every lab's applications are on demand."""

    @staticmethod
    def command(*words: str | Path) -> list[str]:
        """The command line of ``labctl words``."""
        return [sys.executable, "-m", "tests.e2e.support.asleep", *map(str, words)]


def _run() -> int:
    placed = platforms.placed

    def asleep(*arguments: Any, **more: Mapping[str, Any]) -> Lab:
        return on_demand.asleep(placed(*arguments, **more))

    platforms.placed = asleep
    return main()


if __name__ == "__main__":
    sys.exit(_run())
