"""A browser engine: Chromium without a window, driven by its DevTools protocol."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tornado.websocket import WebSocketClientConnection, websocket_connect

from tests.e2e.support import deaf
from tests.e2e.support.wait import eventually

_QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--remote-debugging-port=0",
)  # fmt: skip
PATIENCE = 120  # seconds


class Chromium:
    """One browser with a profile and a home of its own; ``home`` has its trusted roots."""

    def __init__(self, home: Path, profile: Path, *options: str) -> None:
        self._profile = profile
        self._numbers = itertools.count(1)
        self._loop = asyncio.new_event_loop()
        words = ["chromium", *_QUIET, f"--user-data-dir={profile}", *options, "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, deaf.__file__, *words],
            env={"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._devtools: WebSocketClientConnection | None = None

    def __enter__(self) -> Chromium:
        try:
            port, path = eventually(self._address, PATIENCE) or ("", "")
            self._devtools = self._run(self._connect(f"ws://127.0.0.1:{port}{path}"))
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def open(self, url: str, ready: str = "") -> Page:
        """A new tab with this page; ``Page.error`` says why it could not be had.

        With ``ready`` once that JavaScript expression is true there.
        """
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, session)
        page.error = self.call("Page.navigate", session, url=url).get("errorText", "")
        eventually(lambda: page.run("document.readyState") == "complete", PATIENCE)
        if ready:
            eventually(lambda: page.run(ready), PATIENCE)
        return page

    def call(self, method: str, session: str = "", **parameters: Any) -> Any:
        """One command of the protocol, and its result."""
        return self._run(self._call(method, session, parameters))

    def _address(self) -> tuple[str, str] | None:
        file = self._profile / "DevToolsActivePort"
        lines = file.read_text().split() if file.exists() else []
        return (lines[0], lines[1]) if len(lines) == 2 else None

    def _run(self, work: Any) -> Any:
        return self._loop.run_until_complete(asyncio.wait_for(work, PATIENCE))

    @staticmethod
    async def _connect(url: str) -> WebSocketClientConnection:
        return await websocket_connect(url)

    async def _call(self, method: str, session: str, parameters: Mapping[str, Any]) -> Any:
        assert self._devtools
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        await self._devtools.write_message(
            json.dumps({**message, "sessionId": session} if session else message)
        )
        while True:
            answer = json.loads(await self._devtools.read_message() or "{}")
            if answer.get("id") == number:
                assert "result" in answer, answer
                return answer["result"]

    def _end(self) -> None:
        """Ask it to go, as its user would; what does not is killed, with all its processes."""
        try:
            if self._devtools:
                self.call("Browser.close")
                self._process.wait(PATIENCE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()


class Page:
    """A tab."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self._browser, self._session = browser, session
        self.error = ""

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression on the page, a promise's once it is kept."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def call(self, method: str, **parameters: Any) -> Any:
        """One command of the protocol about this tab, and its result."""
        return self._browser.call(method, self._session, **parameters)

    def close(self) -> None:
        """Close the tab."""
        self.call("Page.close")

    @property
    def title(self) -> Any:
        """The page's title."""
        return self.run("document.title")
