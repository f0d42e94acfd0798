"""``labctl status``."""

from __future__ import annotations

import argparse

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Print each machine's state; 0 when all is up and ready."""
    from dataclasses import asdict

    from labctl.cli.output import paint, say_json, table
    from labctl.work.status import status

    found = status(options.lab)
    good = all(machine.ready for machine in found)
    if options.json:
        say_json({"ready": good, "machines": [asdict(machine) for machine in found]})
        return 0 if good else 1
    rows = [(m.name, m.state, m.address, ", ".join(m.services), m.trouble) for m in found]
    print(table(rows, ("MACHINE", "STATE", "ADDRESS", "SERVICES", "")))
    ready = sum(machine.ready for machine in found)
    print("\n" + paint(f"{ready} of {len(found)} machines are ready", "green" if good else "red"))
    return 0 if good else 1
