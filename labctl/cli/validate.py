"""``labctl validate``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from labctl.cli import common
from labctl.platforms import NAMES

if TYPE_CHECKING:
    from labctl.model import PlatformName


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    parser.add_argument("--on", choices=NAMES, help="for this platform, not the lab's default")
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Report every problem; 0 when there is none, 2 otherwise."""
    from dataclasses import asdict

    from labctl.cli.output import say_json
    from labctl.exercises.reader import exercises
    from labctl.expand import expand
    from labctl.spec.lab import load
    from labctl.spec.problems import InvalidLab
    from labctl.work.session import find_lab_file

    file = find_lab_file(options.lab)
    try:
        expanded = expand(*load(file), options.on)
        machines = {service.machine for service in expanded.services.values()}
        tasks = exercises(file.parent, {*machines, *expanded.services})
    except InvalidLab as error:
        if not options.json:
            raise
        say_json({"file": str(file), "problems": [asdict(p) for p in error.problems]})
        return error.status
    others = {name: fits(file, name) for name in NAMES if name != expanded.platform}
    if options.json:
        platforms = {expanded.platform: "fits", **others}
        say_json({"file": str(file), "problems": [], "platforms": platforms})
    else:
        counts = f"{len(expanded.services)} services, {len(expanded.sites)} sites"
        counts += f", {len(tasks)} exercises" if tasks else ""
        print(f"{file}: no problems on {expanded.platform} ({counts})")
        print("\n".join(f"  on {name}: {said}" for name, said in others.items()))
    return 0


def fits(file: Path, platform: PlatformName) -> str:
    """Whether the lab could be deployed on another platform, in a few words."""
    from labctl.errors import LabctlError
    from labctl.expand import expand
    from labctl.spec.lab import load
    from labctl.spec.problems import InvalidLab

    try:
        expand(*load(file), platform)
    except InvalidLab as error:
        number = len(error.problems)
        return f"{number} problem{'s' * (number > 1)}, shown by `--on {platform}`"
    except LabctlError as error:
        return error.message.partition(": ")[2]
    return "fits"
