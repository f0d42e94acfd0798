"""Another platform for a lab that is up: what goes, what stays, and the question."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from labctl.errors import LabctlError

if TYPE_CHECKING:
    from labctl.work.bring import Planned


def confirm(planned: Planned, fresh: bool, yes: bool) -> None:
    """Say what replacing the platform means; ask on a terminal. LabctlError for a no."""
    if not planned.plan.replaces:
        return
    print(text(planned, fresh), file=sys.stderr)
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    print("Go on? [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise LabctlError(
            f"{planned.plan.lab} stays on {planned.plan.replaces}", "nothing was changed"
        )


def text(planned: Planned, fresh: bool) -> str:
    """What is replaced, by what, and what becomes of data and of files changed by hand."""
    plan, lab = planned.plan, planned.session.lab
    counts = f"{len(planned.seen.machines)} machines go, {len(lab.machines)} come"
    lines = [
        f"{plan.lab} leaves {plan.replaces} for {lab.platform}: {counts}",
        "data of mail and applications: " + ("dropped" if fresh else "kept (--fresh drops it)"),
    ]
    changed = [
        f"{machine.name}:{path}"
        for machine in planned.seen.machines.values()
        for path in sorted(machine.drift)
    ]
    if changed:
        lines.append(f"lost, because changed by hand on a machine: {', '.join(changed)}")
    return "\n".join(lines)
