"""``labctl graph``."""

from __future__ import annotations

import argparse
from pathlib import Path

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    parser.add_argument("--out", type=Path, metavar="FILE", help="where to (standard output)")
    parser.add_argument(
        "--as-written", action="store_true",
        help="as the lab file says it, on a host of its own: the same picture everywhere",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Draw it."""
    from labctl.picture.graph import draw
    from labctl.picture.paper import on_paper

    lab = on_paper(options.lab) if options.as_written else common.session_of(options.lab).lab
    picture = draw(lab)
    if options.out:
        options.out.write_text(picture, encoding="utf-8")
    else:
        print(picture, end="")
    return 0
