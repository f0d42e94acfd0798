"""``labctl graph``."""

from __future__ import annotations

import argparse
from pathlib import Path

from labctl.cli import common
from labctl.platforms import NAMES


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to (standard output)")
    parser.add_argument(
        "--on", choices=NAMES, help="its machines and networks as they would be on this platform"
    )
    parser.add_argument(
        "--as-written", action="store_true",
        help="as the lab file says it, on a host of its own: the same picture everywhere",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Draw it."""
    from labctl.picture import graph, topology
    from labctl.picture.paper import on_paper
    from labctl.work.session import Choices, Session

    if options.as_written:
        lab = on_paper(options.lab, options.on)
    else:
        lab = Session(options.lab, Choices(on=options.on), dry=True, running=True).lab
    picture = topology.draw(lab) if options.on else graph.draw(lab)
    if options.out:
        options.out.write_text(picture, encoding="utf-8")
    else:
        print(picture, end="")
    return 0
