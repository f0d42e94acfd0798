"""``labctl completion``."""

from __future__ import annotations

import argparse

from labctl.completion import SHELLS


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("shell", metavar="SHELL", choices=SHELLS, help=" or ".join(SHELLS))


def run(options: argparse.Namespace) -> int:
    """Print the script."""
    from labctl.cli import VERBS
    from labctl.cli.run import parser
    from labctl.completion import commands, script

    print(script(options.shell, commands({verb: parser(verb) for verb in VERBS})), end="")
    return 0
