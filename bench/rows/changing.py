"""A changed virtual host under load: when it is served, and whether a request was lost."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterable
from typing import Any

from bench.generator import Generator, Steady
from bench.load_lab import PAGE, LoadLab
from bench.measure import Row, Sample, at_most

SETTLE = 1.0  # seconds of load before the change, and after it
LIMIT = 20.0
WHAT = "a changed virtual host until served, under load, from `labctl up`'s start"


def rows(load: LoadLab, rounds: int) -> Iterable[Row]:
    """The rows about ``load``, a load lab that is up."""
    lab = load.lab
    name = f"pages.{lab.domain}"
    made = Generator(lab, {name: lab.addresses()["front"]})
    root = lab.workspace.labctl("ca", "export", lab.name)
    made.run("sh", "-c", 'printf %s "$1" >/root.pem', "sh", root)
    changes = [Change(load, made, f"round-{number}") for number in range(rounds)]
    served = Sample(tuple(change.measure(f"https://{name}{PAGE}") for change in changes))
    made.container.remove(force=True)
    failed = sum(change.load["failed"] for change in changes)
    done = sum(change.load["done"] for change in changes)
    again = sum(change.load["again"] for change in changes)
    yield at_most(WHAT, served, 0.7, "s")
    note = (
        f"{again} sent again as RFC 9112 section 9.3.1 says, after the server had closed a "
        "kept connection without an answer"
    )
    failures = {text for change in changes for text in change.load["failures"]}
    note += f"; failures: {'; '.join(sorted(failures))}" if failures else ""
    what = "requests that failed meanwhile"
    yield Row(what, "0", f"{failed} of {done:,}", failed == 0, note)


class Change:
    """One change of the virtual host, while requests keep coming."""

    def __init__(self, load: LoadLab, made: Generator, value: str) -> None:
        self.made = made
        self.value = value
        self.lab = load
        self.load: dict[str, Any] = {}

    def measure(self, url: str) -> float:
        """Seconds from the start of `labctl up` until the new header is served."""
        steady = Steady(self.made, url, "/root.pem", 2 * SETTLE + 3)
        steady.start()
        time.sleep(SETTLE)  # requests before the change are a part of the measurement
        self.lab.configure(self.value)
        up = threading.Thread(target=self.lab.lab.up)
        start = time.perf_counter()
        up.start()
        seconds = self.until_served(start)
        up.join()
        steady.join()
        self.load = json.loads(steady.output)
        return seconds

    def until_served(self, start: float) -> float:
        """Ask on a connection of its own, again and again, until the new header comes."""
        while (seconds := time.perf_counter() - start) < LIMIT:
            if self.header() == self.value:
                return time.perf_counter() - start
            time.sleep(0.005)  # asking without a pause would load what is measured
        raise TimeoutError(f"the change is not served after {seconds:.0f} s")

    def header(self) -> str:
        lab = self.lab.lab
        connection = http.client.HTTPConnection("127.0.0.1", lab.http, timeout=5)
        connection.request("HEAD", PAGE, headers={"Host": f"pages.{lab.domain}"})
        value = connection.getresponse().getheader("X-Bench", "")
        connection.close()
        return value
