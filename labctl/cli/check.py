"""``labctl check``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from labctl.cli import common

if TYPE_CHECKING:
    from labctl.checks.runner import Result


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.lab_argument(parser)
    parser.add_argument(
        "--service",
        action="append",
        default=[],
        metavar="SERVICE",
        help="only the checks of this service",
    )
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Run the checks; 0 when all hold."""
    from labctl.cli.output import say_json
    from labctl.work.checking import check

    results = check(options.lab, options.service)
    if options.json:
        say_json([as_json(result) for result in results])
    else:
        print(text(results))
    return 0 if all(result.passed for result in results) else 1


def as_json(result: Result) -> dict[str, Any]:
    """One result for scripts."""
    return {
        "check": result.check.name,
        "service": result.check.service,
        "client": result.check.client,
        "from": result.check.origin,
        "passed": result.passed,
        "points": result.check.points if result.passed else 0,
        "of": result.check.points,
        "differences": result.differences,
        "hint": "" if result.passed else result.check.hint,
    }


def text(results: Sequence[Result]) -> str:
    """All results, grouped by service; what does not hold with what was seen and a hint."""
    from labctl.cli.output import paint

    lines: list[str] = []
    for service in dict.fromkeys(result.check.service for result in results):
        lines.append(paint(service, "bold"))
        for result in (r for r in results if r.check.service == service):
            mark = paint("ok  ", "green") if result.passed else paint("FAIL", "red")
            lines.append(f"  {mark}  {result.check.name}")
            lines += [f"          {difference}" for difference in result.differences]
            if not result.passed and result.check.hint:
                lines.append(f"          hint: {result.check.hint}")
    passed = sum(result.passed for result in results)
    failed = sorted({result.check.service for result in results if not result.passed})
    verdict = f"{passed} of {len(results)} checks hold"
    if failed:
        verdict += f"; not in order: {', '.join(failed)}"
    return "\n".join([*lines, "", paint(verdict, "red" if failed else "green")])
