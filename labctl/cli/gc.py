"""``labctl gc``: what crashes have left of sandboxes."""

from __future__ import annotations

import argparse
import sys

from labctl.cli import class_arguments as words
from labctl.cli import common

_WOULD = 3  # as of `plan`: something is to be done


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    words.yes(parser)
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """List leftovers, and remove them where that is agreed to; 3 where there are some to remove."""
    from dataclasses import asdict

    from labctl.cli.output import say_json, table
    from labctl.work.leftovers import leftovers, remove

    found = leftovers()
    if options.json:
        say_json([asdict(one) for one in found])
    elif found:
        rows = [(o.lab, ", ".join(f"{n} {k}" for k, n in o.things.items()), o.why) for o in found]
        print(table(rows, ("SANDBOX", "LEFT", "WHY")))
    else:
        print("nothing is left of sandboxes that no class has")
    if found and not options.yes:
        print("`labctl gc --yes` removes this", file=sys.stderr)
        return _WOULD
    for one in found:
        remove(one)
    if found and not options.json:
        print(f"removed: what was left of {len(found)} sandboxes")
    return 0
