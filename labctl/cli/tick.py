"""``labctl tick``: one tick of the clock of classes."""

from __future__ import annotations

import argparse
import sys

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Tick; 1 where a sandbox that has to end could not be archived."""
    from dataclasses import asdict

    from labctl.cli.output import say_json
    from labctl.cli.progress import Progress
    from labctl.work.class_life import Busy, tick

    try:
        with Progress(quiet=options.json) as progress:
            deeds = tick(progress)
    except Busy as busy:
        print(busy.message, file=sys.stderr)
        deeds = ()
    if options.json:
        say_json([asdict(deed) for deed in deeds])
    else:
        for deed in deeds:
            print(f"{deed.sandbox}: {deed.trouble or deed.what}")
    return 1 if any(deed.trouble for deed in deeds) else 0
