"""``labctl init``."""

from __future__ import annotations

import argparse
from pathlib import Path


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("name", metavar="NAME", help="the new lab's name, and its folder's")


def run(options: argparse.Namespace) -> int:
    """Write a lab to start from, and say how to go on."""
    from labctl.cli.output import table
    from labctl.work.new_lab import start

    name = options.name
    print(f"{start(name, Path())} and its content are there\n")
    rows = [
        ("read and change it", f"{name}/lab.yml, {name}/www/, {name}/app/"),
        ("look for mistakes", f"labctl validate {name}"),
        ("bring it up", f"labctl up {name}"),
        ("prove that it works", f"labctl check {name}"),
    ]
    print(table(rows))
    return 0
