"""Try TCP ports by connecting to them.

Standard input is the work: ``hosts`` (addresses), ``first`` and ``then`` (ports). Out goes, for
each address, ``open`` ports and whether it ``answers`` at all. An address where none of the first
ports is open, and none refuses, has nobody, or a filter without a word: it is not asked further.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from typing import Any

PARALLEL = 400  # connections at a time
PATIENCE, IMPATIENCE = 1.0, 0.25  # seconds for a likely port, and for one of the many others


async def tried(host: str, port: int, patience: float, gate: asyncio.Semaphore) -> bool | None:
    """True for an open port, False for a refusal, None for silence."""
    async with gate:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), patience)
        except ConnectionRefusedError:
            return False
        except (OSError, TimeoutError):
            return None
        writer.transport.abort()
        return True


async def scanned(host: str, work: Mapping[str, Any], gate: asyncio.Semaphore) -> dict[str, Any]:
    """What one address answers."""
    found: dict[int, bool | None] = {}
    for ports, patience in ((work["first"], PATIENCE), (work["then"], IMPATIENCE)):
        answers = await asyncio.gather(*(tried(host, port, patience, gate) for port in ports))
        found.update(zip(ports, answers, strict=True))
        if all(answer is None for answer in answers):
            break
    return {
        "open": sorted(port for port, answer in found.items() if answer),
        "answers": any(answer is not None for answer in found.values()),
    }


async def main() -> None:
    """Scan all of them at once."""
    work = json.load(sys.stdin)
    gate = asyncio.Semaphore(PARALLEL)
    hosts = work["hosts"]
    found = await asyncio.gather(*(scanned(host, work, gate) for host in hosts))
    json.dump(dict(zip(hosts, found, strict=True)), sys.stdout)


asyncio.run(main())
