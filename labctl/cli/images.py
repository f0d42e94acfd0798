"""``labctl images``."""

from __future__ import annotations

import argparse
from pathlib import Path

from labctl.cli import common
from labctl.platforms import NAMES

_MIB = 2**20


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    build = actions.add_parser("build", allow_abbrev=False, help="build the images that labs need")
    _labs(build)
    build.add_argument("--refresh", action="store_true",
                       help="build all of them anew, with today's packages")  # fmt: skip
    listing = actions.add_parser("list", allow_abbrev=False, help="list labctl's images")
    common.json_argument(listing)
    save = actions.add_parser("save", allow_abbrev=False, help="write images to one file")
    save.add_argument("file", metavar="FILE", type=Path, help="compressed where it ends in .gz")
    _labs(save)
    load = actions.add_parser("load", allow_abbrev=False, help="take images from such a file")
    load.add_argument("file", metavar="FILE", type=Path, help="what `images save` wrote")


def _labs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("labs", metavar="LAB", nargs="*", help="whose images (all of stacks/)")
    parser.add_argument("--on", choices=NAMES, action="append", default=[],
                        help="for this platform, not the lab's own (may be repeated)")  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Build, list, save or load."""
    return {"build": _build, "list": _list, "save": _save, "load": _load}[options.action](options)


def _build(options: argparse.Namespace) -> int:
    from labctl.cli.progress import Progress
    from labctl.work import lab_images

    with Progress() as progress:
        needed = lab_images.build(
            options.labs, progress, refresh=options.refresh, platforms=options.on
        )
    print(f"{len(needed)} images are there")
    return 0


def _list(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from labctl.cli.output import say_json, table
    from labctl.work.lab_images import stocked

    found = stocked()
    if options.json:
        say_json([asdict(image) for image in found])
        return 0
    rows = [(image.reference, f"{image.size / _MIB:.0f} MiB", ", ".join(image.labs) or "-",
             " ".join(image.packages) or "-") for image in found]  # fmt: skip
    print(table(rows, ("IMAGE", "SIZE", "LABS", "PACKAGES")))
    return 0


def _save(options: argparse.Namespace) -> int:
    from labctl.work.lab_images import save

    size, needed = save(options.file, options.labs, options.on)
    print(f"{len(needed)} images are in {options.file} ({size / _MIB:.0f} MiB)")
    return 0


def _load(options: argparse.Namespace) -> int:
    from labctl.work.lab_images import load

    for reference in load(options.file):
        print(reference)
    return 0
