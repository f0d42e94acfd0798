"""Sends questions to a machine, and takes the answers for what they are: a stranger's data."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from labctl.checks import asking, bounded, certificates
from labctl.model import Check

CLIENTS = frozenset({"http", "ws", "tls", "dns", "smtp", "imap", "pop3"})
_MODULES = ("bounded",)  # what clients need beside themselves
_PRELOAD = {"ws": "tornado.websocket", "imap": "imaplib", "pop3": "poplib", "smtp": "smtplib"}
_START = 15  # seconds that a busy machine may take to start Python
_NO_PROGRAM = (126, 127)  # statuses of `docker exec` where there is no such program


def ask(
    checks: Sequence[Check], asks: Sequence[Mapping[str, Any]], container: str
) -> list[dict[str, Any]]:
    """What is seen by each question, asked by the Python of a machine.

    Every answer carries the token of its question: nothing else that the machine prints counts.
    """
    jobs = [
        {"token": secrets.token_hex(16), "client": c.client, "ask": a, "seconds": c.seconds}
        for c, a in zip(checks, asks, strict=True)
    ]
    clients = sorted({check.client for check in checks})
    work = {
        "modules": {name: _source(name) for name in (*_MODULES, *clients)},
        "preload": [_PRELOAD[name] for name in clients if name in _PRELOAD],
        "jobs": jobs,
    }
    ran = bounded.run(
        ["docker", "exec", "-i", container, "python3", "-I", "-c", _source("asking")],
        _longest(checks),
        json.dumps(work).encode(),
        limit=(asking.ANSWER + 64) * len(jobs),
    )
    answers = understood(ran.out, {str(job["token"]) for job in jobs})
    return [
        _completed(job["client"], answers.get(str(job["token"])) or {"error": _silence(ran)})
        for job in jobs
    ]


def _completed(client: Any, seen: dict[str, Any]) -> dict[str, Any]:
    return certificates.described(seen) if client == "tls" else seen


def _longest(checks: Sequence[Check]) -> float:
    """The seconds that all may take: some at a time, each at its longest."""
    seconds = [check.seconds for check in checks]
    return _START + math.ceil(sum(seconds) / asking.AT_ONCE) + max(seconds)


def understood(output: bytes, tokens: set[str]) -> dict[str, dict[str, Any]]:
    """The first answer with each token that was given out."""
    found: dict[str, dict[str, Any]] = {}
    for line in output.split(b"\n"):
        token, _, text = line.partition(b" ")
        name = token.decode("ascii", "replace")
        if name in tokens and name not in found:
            found[name] = _answer(text)
    return found


def _answer(text: bytes) -> dict[str, Any]:
    """An answer as far as it is JSON of an ordinary size (RFC 8259)."""
    if len(text) > asking.ANSWER:
        return {"error": "the answer is too long"}
    try:
        answer = json.loads(text, parse_constant=str, parse_float=_finite)
    except (ValueError, RecursionError):
        return {"error": "the answer cannot be read"}
    if not isinstance(answer, dict):
        return {"error": "the answer is something else than what a client sees"}
    kept: dict[str, Any] = asking.kept(answer)
    return kept


def _finite(text: str) -> float | str:
    return text if math.isinf(float(text)) else float(text)


def _silence(ran: bounded.Ran) -> str:
    """Why there is no answer at all."""
    if ran.status in _NO_PROGRAM:
        return "there is no Python on this machine: only tcp, udp and the machine's own can ask"
    return ran.ended or f"no answer: {ran.last_words[:300] or 'the machine said nothing'}"


def _source(module: str) -> str:
    return resources.files("labctl.checks").joinpath(f"{module}.py").read_text(encoding="utf-8")
