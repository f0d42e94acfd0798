"""Sends questions to a machine, and takes the answers for what they are: a stranger's data."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from labctl.checks import asking, bounded, certificates
from labctl.checks.dialogue import Dialogue
from labctl.model import Check

CLIENTS = frozenset({"http", "ws", "tls", "dns", "smtp", "imap", "pop3"})
_MODULES = ("bounded",)  # what clients need beside themselves
_PRELOAD = {"ws": "tornado.websocket", "imap": "imaplib", "pop3": "poplib", "smtp": "smtplib"}
_START = 15  # seconds that a busy machine may take to start Python
_NO_PROGRAM = (126, 127)  # statuses of `docker exec` where there is no such program


@dataclass(frozen=True, slots=True)
class Python:
    """Where the clients run: the words that start Python there, and its environment.

    Without an environment it has the one that this process has.
    """

    words: tuple[str, ...]
    environment: Mapping[str, str] | None = None


def on(container: str) -> Python:
    """The Python of a machine."""
    return Python(("docker", "exec", "-i", container, "python3"))


class Asker:
    """The Python of a machine, which stays while more is to be asked; to be closed."""

    def __init__(self, python: Python) -> None:
        command = [*python.words, "-I", "-c", _source("asking")]
        self.dialogue = Dialogue(command, python.environment)
        self.known: set[str] = set()

    def ask(
        self, checks: Sequence[Check], asks: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, Any]]:
        """What is seen by each question.

        Every answer carries the token of its question: nothing else that the machine prints
        counts.
        """
        jobs = [
            {"token": secrets.token_hex(16), "client": c.client, "ask": a, "seconds": c.seconds}
            for c, a in zip(checks, asks, strict=True)
        ]
        answers = _Answers(str(job["token"]) for job in jobs)
        limit = (asking.ANSWER + 64) * len(jobs)
        ran = self.dialogue.ask(self.work(jobs), answers.feed, _longest(checks), limit)
        return [
            _completed(job["client"], answers.found.get(str(job["token"])) or _silence(ran))
            for job in jobs
        ]

    def work(self, jobs: Sequence[Mapping[str, Any]]) -> bytes:
        """Questions as a line, with the sources of the clients that it does not have yet."""
        if self.dialogue.fresh:
            self.known.clear()
        clients = {str(job["client"]) for job in jobs} | set(_MODULES)
        new = sorted(clients - self.known)
        self.known |= clients
        work = {
            "modules": {name: _source(name) for name in new},
            "preload": [_PRELOAD[name] for name in new if name in _PRELOAD],
            "jobs": jobs,
        }
        return json.dumps(work).encode() + b"\n"

    def close(self) -> None:
        """Let it go."""
        self.dialogue.close()


class _Answers:
    """The first answer with each token that was given out, as they come."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self.open = set(tokens)
        self.found: dict[str, dict[str, Any]] = {}
        self.rest = b""

    def feed(self, data: bytes) -> bool:
        """Take what has come; whether all answers are there."""
        *lines, rest = (self.rest + data).split(b"\n")
        self.rest = rest[: asking.ANSWER + 64]  # no answer is longer
        for line in lines:
            new = understood(line, self.open)
            self.found |= new
            self.open -= new.keys()
        return not self.open


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


def _silence(ran: bounded.Ran) -> dict[str, Any]:
    """Why there is no answer at all."""
    if ran.status in _NO_PROGRAM:
        words = "there is no Python on this machine: only tcp, udp and the machine's own can ask"
        return {"error": words}
    said = ran.last_words[:300] or "the machine said nothing"
    return {"error": ran.ended or f"no answer: {said}"}


def _source(module: str) -> str:
    return resources.files("labctl.checks").joinpath(f"{module}.py").read_text(encoding="utf-8")
