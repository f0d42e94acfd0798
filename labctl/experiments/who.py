"""Who does what: who replaces a disk, updates a system, answers at night.

Not everything that differs can be measured. These rows are text that the lab's author has
written into the lab file, under ``responsibilities:``; nothing of it is verified here.
"""

from __future__ import annotations

from collections.abc import Iterable

from labctl.experiments import Figure, Needs
from labctl.experiments.apparatus.bench import Bench

TITLE = "who does what (not measured: from the lab file)"
NEEDS: Needs = "paper"
STEPS = ("read `responsibilities:` of the lab file",)
NOTE = "not measured: from the lab file"


def run(bench: Bench) -> Iterable[Figure]:
    """The rows of the lab file."""
    if not bench.duties:
        yield Figure("who", "who does what", None, note="the lab file says nothing of it")
    for what, duty in bench.duties.items():
        said = getattr(duty, bench.platform.replace("-", "_"))
        yield Figure(f"who.{what}", what, said or None, note=NOTE)
