"""Ask sites for a page, each at a steady rate, until standard input ends.

The first line of standard input is the work: ``sites`` (name, host, path, port, tls, verify),
``rate`` (requests a second for each site), ``keep`` (connections that are kept; 0 opens one a
request) and ``timeout`` in seconds. Any further line is a mark. Lines of JSON go out:
``["answer", site, due, seconds, why]`` with an empty ``why`` for a whole answer of 2xx or 3xx,
and ``["mark", time]``. Times are this machine's, in seconds.

Requests are due at fixed times, whether or not the ones before are answered, and are timed from
when they were due: a server that stalls delays nobody's question, so no stall goes unseen.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
import time
from collections.abc import Mapping
from typing import Any, Protocol

LATE = 0.1  # seconds
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Wrong(Exception):
    """An answer that is none."""


def say(*words: Any) -> None:
    """Write a line of JSON."""
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


async def read_answer(reader: asyncio.StreamReader) -> bool:
    """Read one whole answer (RFC 9112 section 6.3); whether the connection ends with it."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = head.split(" ", 2)[1]
    fields = dict(line.split(":", 1) for line in head.split("\r\n")[1:] if ":" in line)
    if "content-length" in fields:
        await reader.readexactly(int(fields["content-length"]))
    elif "chunked" in fields.get("transfer-encoding", ""):
        while size := int((await reader.readline()).split(b";")[0], 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        await reader.read(-1)
    if status[0] not in "23":
        raise Wrong(f"status {status}")
    return fields.get("connection", "").strip() == "close"


class Asker(Protocol):
    """Who can ask."""

    async def once(self) -> None:
        """Ask once; Wrong or an error of the connection where there is no whole answer."""


class Site:
    """A site, asked by a new connection each time."""

    def __init__(self, work: Mapping[str, Any], contexts: Mapping[bool, ssl.SSLContext]) -> None:
        self.name, self.host, self.port = work["name"], work["host"], work["port"]
        self.tls = contexts[work["verify"]] if work["tls"] else None
        self.request = (
            f"GET {work['path']} HTTP/1.1\r\nHost: {self.host}\r\nAccept: */*\r\n"
        ).encode()
        # looked up once: what is measured is the site, not its name server
        found = socket.getaddrinfo(self.host, self.port, socket.AF_INET, socket.SOCK_STREAM)
        self.address = str(found[0][4][0])

    async def connect(self) -> Pair:
        name = self.host if self.tls else None
        return await asyncio.open_connection(
            self.address, self.port, ssl=self.tls, server_hostname=name
        )

    async def once(self) -> None:
        reader, writer = await self.connect()
        try:
            writer.write(self.request + b"Connection: close\r\n\r\n")
            await read_answer(reader)
        finally:
            writer.transport.abort()


class Kept:
    """One connection that is used again and again."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.pair: Pair | None = None

    async def once(self) -> None:
        if self.pair is None:
            self.pair = await self.site.connect()
        reader, writer = self.pair
        try:
            writer.write(self.site.request + b"\r\n")
            closing = await read_answer(reader)
        except BaseException:
            closing = True
            raise
        finally:
            if closing:
                writer.transport.abort()
                self.pair = None


async def timed(asker: Asker, name: str, due: float, timeout: float) -> None:
    """Ask once, and tell how it went."""
    why = ""
    try:
        async with asyncio.timeout(timeout):  # wait_for hides an end that comes with an answer
            await asker.once()
    except TimeoutError:
        why = f"no answer in {timeout} s"
    except (OSError, ValueError, IndexError, EOFError, Wrong) as error:
        why = f"{type(error).__name__}: {error}"
    say("answer", name, due, time.monotonic() - due, why)


async def openly(site: Site, rate: float, timeout: float, start: float) -> None:
    """A connection a request; requests overlap where answers are late.

    None waits for another: this program itself was held up where one goes much later than it was
    to, and that one is due when it goes.
    """
    running: set[asyncio.Task[None]] = set()
    due = start
    while True:
        await asyncio.sleep(due - time.monotonic())
        now = time.monotonic()
        task = asyncio.ensure_future(
            timed(site, site.name, due if now < due + LATE else now, timeout)
        )
        running.add(task)
        task.add_done_callback(running.discard)
        due += 1 / rate


async def keeping(site: Site, rate: float, timeout: float, start: float) -> None:
    """One connection; what was due and is not answered at the end is told as well."""
    kept = Kept(site)
    due = start
    try:
        while True:
            await asyncio.sleep(max(0, due - time.monotonic()))
            await timed(kept, site.name, due, timeout)
            due += 1 / rate
    finally:
        now = time.monotonic()
        while due < now:
            say("answer", site.name, due, now - due, "not answered when time was over")
            due += 1 / rate


async def main() -> None:
    """Ask until standard input ends."""
    loop = asyncio.get_running_loop()
    orders = asyncio.StreamReader(limit=2**20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    work = json.loads(await orders.readline())
    strict, lax = ssl.create_default_context(), ssl.create_default_context()
    lax.check_hostname, lax.verify_mode = False, ssl.CERT_NONE
    sites = [Site(site, {True: strict, False: lax}) for site in work["sites"]]
    rate, timeout, keep = work["rate"], work["timeout"], work["keep"]
    now = time.monotonic()
    tasks = []
    for number, site in enumerate(sites):
        start = now + number / rate / len(sites)  # sites take turns
        if keep:
            shares = (start + one / rate for one in range(keep))
            tasks += [keeping(site, rate / keep, timeout, at) for at in shares]
        else:
            tasks.append(openly(site, rate, timeout, start))
    running = [asyncio.ensure_future(task) for task in tasks]
    while await orders.readline():
        say("mark", time.monotonic())
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


asyncio.run(main())
