"""curl on this host, or on a machine: a request and what came back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.e2e.support.home import Ran, run

_CURL = ("curl", "--silent", "--show-error", "--include", "--noproxy", "*", "--max-time", "60")
_TOLD = "%{stderr}%{json}"
Runner = Callable[[list[str], str], Ran]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, or why there is none: ``error`` is curl's, ``exit`` its exit status."""

    exit: int
    error: str = ""
    status: int = 0
    version: str = ""
    address: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    seconds: float = 0.0


def on_host(command: list[str], body: str) -> Ran:
    """Run curl here."""
    return run(command, input=body)


def curl(
    url: str, *options: str, ca: Path | str = "", body: str = "", runner: Runner = on_host
) -> Answer:
    """Ask for ``url``; ``ca`` is a file with the only authority to trust."""
    trust = ("--cacert", str(ca)) if ca else ()
    sent = ("--data-binary", "@-") if body else ()
    ran = runner([*_CURL, "--write-out", _TOLD, *trust, *sent, *options, "--", url], body)
    words, _, told = ran.err.partition("{")
    if ran.status:
        return Answer(ran.status, words.strip() or ran.err)
    return _parsed(ran, json.loads("{" + told))


def _parsed(ran: Ran, told: Mapping[str, Any]) -> Answer:
    head, body = "", ran.out
    while re.match(r"HTTP/[0-9.]+ ", body):
        head, _, body = body.replace("\r\n\r\n", "\n\n", 1).partition("\n\n")
    pairs = (line.partition(":") for line in head.splitlines()[1:])
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Answer(
        0, "", int(told["http_code"]), told["http_version"], told["remote_ip"], headers, body,
        told["time_total"],
    )  # fmt: skip
