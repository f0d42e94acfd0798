"""Visitors who ask for a page over and over, each time by a connection of its own."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections import Counter
from pathlib import Path
from typing import Protocol

from tests.e2e.support.wait import eventually


class Sites(Protocol):
    """What visitors come to: host names by site, and the host's port for HTTPS."""

    https: int

    def host(self, site: str) -> str:
        """The name of a site."""


class Load:
    """While it is entered, visitors ask; ``answers`` counts statuses and errors."""

    def __init__(self, lab: Sites, ca: Path, site: str, visitors: int = 3) -> None:
        self.host, self.port = lab.host(site), lab.https
        self.answers: Counter[str] = Counter()
        self._context = ssl.create_default_context(cafile=str(ca))
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._visit) for _ in range(visitors)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        try:
            self.some_more()
        except AssertionError:
            self._end.set()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.some_more()
        self._end.set()
        for thread in self._threads:
            thread.join()

    def some_more(self) -> None:
        """Wait until more answers have come."""
        wanted = self.answers.total() + 30
        eventually(lambda: self.answers.total() >= wanted)

    @property
    def failures(self) -> dict[str, int]:
        """Everything that was no 200."""
        return {answer: count for answer, count in self.answers.items() if answer != "200"}

    def _visit(self) -> None:
        while not self._end.is_set():
            self.answers[self._answer()] += 1

    def _answer(self) -> str:
        connection = _Connection("127.0.0.1", self.port, context=self._context, timeout=60)
        connection.server_name = self.host
        try:
            connection.request("GET", "/", headers={"Host": f"{self.host}:{self.port}"})
            answer = connection.getresponse()
            answer.read()
            return str(answer.status)
        except (OSError, http.client.HTTPException) as error:
            return f"{type(error).__name__}: {error}"
        finally:
            connection.close()


class _Connection(http.client.HTTPSConnection):
    """HTTPS to an address, for a name that the host itself may not resolve."""

    server_name = ""

    def connect(self) -> None:
        http.client.HTTPConnection.connect(self)
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined]  # not in typeshed
        self.sock = context.wrap_socket(self.sock, server_hostname=self.server_name)
