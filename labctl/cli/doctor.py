"""``labctl doctor``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from labctl.cli import common

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.host.doctor import Finding


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--hosts", metavar="LAB", help="print a marked block for /etc/hosts with the lab's names"
    )
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Print what was found; 1 when something keeps labs from running."""
    from dataclasses import asdict

    from labctl.cli.output import say_json
    from labctl.host.doctor import diagnose
    from labctl.host.facts import observe
    from labctl.host.hosts_block import hosts_block

    if options.hosts:
        print(hosts_block(common.session_of(options.hosts).lab))
        return 0
    findings = (*diagnose(observe()), *_clock())
    if options.json:
        say_json([asdict(finding) for finding in findings])
    else:
        print(text(findings))
    return 1 if any(finding.state == "fail" for finding in findings) else 0


def _clock() -> Iterable[Finding]:
    """Whether the clock ticks that classes with limits need."""
    import os
    import shutil
    import sys
    import time
    from pathlib import Path

    from labctl.host import clock
    from labctl.work.class_life import last, limited

    installed = shutil.which("labctl")
    program = [installed] if installed else [sys.executable, "-m", "labctl"]
    names = ("HOSTING_LABCTL_DATA", "HOSTING_LABCTL_DOORS", "DOCKER_HOST")
    settings = {name: os.environ.get(name, "") for name in names}
    return clock.findings(
        [record.name for record in limited()],
        last(),
        int(time.time()),
        clock.command(program, settings),
        Path("/run/systemd/system").is_dir(),
    )


def text(findings: Iterable[Finding]) -> str:
    """A line a finding, and below it the command that mends it."""
    from labctl.cli.output import paint

    colours = {"ok": "green", "warn": "yellow", "fail": "red"}
    lines = []
    for finding in findings:
        state = paint(f"{finding.state:4}", colours[finding.state])
        lines.append(f"{state}  {finding.name}: {finding.what}")
        if finding.mend:
            lines.append(f"      mend: {finding.mend}")
    return "\n".join(lines)
