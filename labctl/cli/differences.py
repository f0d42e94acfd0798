"""What differs in files that were changed by hand: applied, on the machine, and in the lab."""

from __future__ import annotations

import contextlib
import difflib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from labctl.engines.api import exec_in

if TYPE_CHECKING:
    from labctl.engines.compose import Engine
    from labctl.work.bring import Planned

_KEPT = "/var/lib/labctl/kept"
_APPLIED = "/var/lib/labctl/tree.tar"


def show_conflicts(planned: Planned, engine: Engine) -> None:
    """Print, as a warning, both differences of each file that the lab and a person changed."""
    found = tuple(drift for drift in planned.plan.drift if drift.conflict)
    if found:
        with contextlib.redirect_stdout(sys.stderr):
            show(replace(planned, plan=replace(planned.plan, drift=found)), engine)


def show(planned: Planned, engine: Engine) -> None:
    """Print a difference for each file changed by hand, two where the lab changed it too."""
    for drift in planned.plan.drift:
        container = planned.seen.machines[drift.machine].container
        applied = _text(_left(container, drift.path))
        mine = _text((engine.read(container, drift.path) or b"").decode(errors="replace"))
        where = f"{drift.machine}:{drift.path}"
        _print(applied, mine, f"{where} (as labctl left it)", f"{where} (changed by hand)")
        if drift.conflict:
            entry = planned.session.tree.machines[drift.machine].get(drift.path)
            wanted = _text(entry.content.decode(errors="replace")) if entry else []
            _print(applied, wanted, f"{where} (as labctl left it)", f"{where} (in the lab now)")


def _left(container: str, path: str) -> str:
    """The file as labctl left it: kept apart where the lab has a newer version by now."""
    kept = exec_in(container, ["cat", "--", f"{_KEPT}{path}"])
    if kept.status == 0:
        return kept.output
    return exec_in(container, ["tar", "-xOf", _APPLIED, path[1:]]).output


def _text(content: str) -> list[str]:
    return content.splitlines()


def _print(old: list[str], new: list[str], old_name: str, new_name: str) -> None:
    from labctl.cli.output import paint
    from labctl.spec.problems import printable

    for line in difflib.unified_diff(old, new, old_name, new_name, lineterm=""):
        colour = {"+": "green", "-": "red", "@": "blue"}.get(line[:1])
        text = printable(line)
        print(paint(text, colour) if colour else text)
