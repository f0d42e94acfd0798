"""``labctl render``."""

from __future__ import annotations

import argparse
from pathlib import Path

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    common.choice_arguments(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="where to (.labctl/<lab>/rendered)"
    )
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Write the tree as plain files, a folder a machine."""
    from labctl.cli.output import say_json
    from labctl.engines.state import write_rendered
    from labctl.errors import LabctlError
    from labctl.work.session import Session

    session = Session(options.lab, common.choices(options))
    folder = options.out or session.state.directory / "rendered"
    if options.out and folder.exists() and any(folder.iterdir()):
        raise LabctlError(f"{folder} is not empty", "name a new folder", status=2)
    if not options.out:
        session.state.prepare()
    write_rendered(session.tree, folder)
    count = sum(map(len, session.tree.machines.values())) + 1
    if options.json:
        say_json({"folder": str(folder), "files": count})
    else:
        print(f"{count} files of {len(session.tree.machines)} machines are in {folder}")
    return 0
