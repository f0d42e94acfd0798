"""``labctl down``."""

from __future__ import annotations

import argparse

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    parser.add_argument("--keep-data", action="store_true", help="keep mail, databases, zones")
    parser.add_argument(
        "--purge",
        action="store_true",
        help="forget the lab's CA, keys, secrets and snapshots as well",
    )
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Take it down, verify that nothing is left, and say so."""
    from labctl.cli.output import say_json
    from labctl.work.takedown import take_down

    if options.purge:
        _refuse_class(options.lab)
    done = take_down(options.lab, keep_data=options.keep_data, purge=options.purge)
    if options.json:
        say_json({"lab": done.lab, "removed": done.removed, "kept": done.kept})
        return 0
    removed = ", ".join(f"{n} {what}" for what, n in done.removed.items() if n)
    print(f"{done.lab} is down: {removed or 'nothing was up'}; nothing is left behind")
    for what in done.kept:
        print(f"kept: {what}")
    return 0


def _refuse_class(name: str) -> None:
    """What a class has for itself keeps the root and the secret of all its sandboxes."""
    from labctl.classes.registry import find
    from labctl.errors import LabctlError

    record = find(name)
    if record and (record.active or not record.implicit):
        raise LabctlError(
            f"the sandboxes of {name} have their certificates and passwords from it",
            f"`labctl class destroy {name}` forgets the class with all that is theirs",
            status=2,
        )
