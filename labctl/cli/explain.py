"""``labctl explain``."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING

from labctl.cli import common

if TYPE_CHECKING:
    from labctl.explain.explanation import Explanation
    from labctl.explain.steps import Certificate, Step


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("url", metavar="URL", help="for example https://www.lab1.localhost/")
    parser.add_argument("--lab", metavar="LAB", default="",
                        help="ask this lab (the one that the name belongs to)")  # fmt: skip
    common.json_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Say which virtual host answers, and why."""
    from dataclasses import asdict

    from labctl.cli.output import say_json
    from labctl.explain.lab_of_url import explain_url

    found = explain_url(options.url, options.lab)
    if options.json:
        say_json(asdict(found))
    else:
        print(text(found))
    return 0


def text(found: Explanation) -> str:
    """The explanation as people read it."""
    from labctl.cli.output import paint

    parts = [paint(found.url, "bold") + f" in the lab {found.lab}"]
    parts += ["\n".join(_step(number, step)) for number, step in enumerate(found.steps, 1)]
    if found.certificate:
        parts.append(_certificate(found.certificate, found.host))
    parts += [f"note: {note}" for note in found.notes]
    return "\n\n".join(parts)


def _step(number: int, step: Step) -> Iterable[str]:
    from labctl.cli.output import paint
    from labctl.spec.problems import printable

    yield paint(f"{number}. {step.machine}", "bold") + f" ({step.address}, port {step.port})"
    for question, left in zip(("address", "port"), step.walk, strict=False):
        yield f"   {question:<14}{printable(left)}"
    yield f"   virtual host  {printable(step.server)}"
    yield f"   because       {printable(step.why)}"
    yield f"   so it is      {paint(printable(step.what), 'green')}"
    for line in step.lines:
        origin = f"   <- {line.source}" if line.source != "labctl" else ""
        yield f"   {line.file}:{line.line}{paint(origin, 'dim')}"
        yield f"       {printable(line.text)}"


def _certificate(certificate: Certificate, host: str) -> str:
    signer = {
        "ca": "signed by the lab's CA",
        "self": "signed by itself: nobody vouches for it, clients must refuse it",
        "other": "not signed by the lab's CA: clients must refuse it",
    }[certificate.signer]
    covers = f"it is for {host}" if certificate.covers else (
        f"it is not for {host} but for {', '.join(certificate.names)}: clients must refuse it"
    )  # fmt: skip
    return f"certificate  {certificate.file}\n             {signer}; {covers}"
