"""``labctl list``."""

from __future__ import annotations

import argparse

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--names", action="store_true", help="print the names only")
    parser.add_argument("--machines", metavar="LAB", help="print the machines of a running lab")
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """List labs that there are, and those that are up."""
    from dataclasses import asdict

    from labctl.cli.output import say_json, table
    from labctl.work.listing import labs, machines

    if options.machines:
        print("\n".join(machines(options.machines)))
        return 0
    found = labs()
    if options.json:
        say_json([asdict(lab) for lab in found])
    elif options.names:
        print("\n".join(lab.name for lab in found))
    else:
        rows = [(lab.name, lab.state, lab.platform, lab.file, lab.title) for lab in found]
        print(table(rows, ("LAB", "STATE", "PLATFORM", "FILE", "TITLE")))
    return 0
