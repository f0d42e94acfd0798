"""``labctl schema``."""

from __future__ import annotations

import argparse


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--markdown", action="store_true", help="print the reference for people (docs/lab-file.md)"
    )


def run(options: argparse.Namespace) -> int:
    """Print the schema, or the reference."""
    from labctl.cli.output import say_json

    if options.markdown:
        from labctl.spec.reference import markdown

        print(markdown(), end="")
    else:
        from labctl.spec.schema import schema

        say_json(schema())
    return 0
