"""``labctl validate``."""

from __future__ import annotations

import argparse

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Report every problem; 0 when there is none, 2 otherwise."""
    from dataclasses import asdict

    from labctl.cli.output import say_json
    from labctl.expand import expand
    from labctl.spec.lab import load
    from labctl.spec.problems import InvalidLab
    from labctl.work.session import find_lab_file

    file = find_lab_file(options.lab)
    try:
        expanded = expand(*load(file))
    except InvalidLab as error:
        if not options.json:
            raise
        say_json({"file": str(file), "problems": [asdict(p) for p in error.problems]})
        return error.status
    if options.json:
        say_json({"file": str(file), "problems": []})
    else:
        counts = f"{len(expanded.services)} services, {len(expanded.sites)} sites"
        print(f"{file}: no problems ({counts})")
    return 0
