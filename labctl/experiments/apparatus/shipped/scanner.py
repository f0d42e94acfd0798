"""Try TCP ports by connecting to them.

Standard input is the work: ``hosts`` (addresses), ``first`` and ``then`` (ports), ``patience``
in seconds for one connection, ``parallel`` how many at a time. Out goes, for each address,
``open`` ports and whether it ``answers`` at all. An address where none of the first ports is
open, and none refuses, has nobody, or a filter without a word: it is not asked further.
"""

import asyncio
import json
import sys


async def tried(host, port, patience, gate):
    """True for an open port, False for a refusal, None for silence."""
    async with gate:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), patience)
        except ConnectionRefusedError:
            return False
        except (OSError, asyncio.TimeoutError):
            return None
        writer.transport.abort()
        return True


async def scanned(host, work, gate):
    found = {}
    for ports in (work["first"], work["then"]):
        answers = await asyncio.gather(*(tried(host, p, work["patience"], gate) for p in ports))
        found.update(zip(ports, answers))
        if all(answer is None for answer in answers):
            break
    return {
        "open": sorted(port for port, answer in found.items() if answer),
        "answers": any(answer is not None for answer in found.values()),
    }


async def main():
    work = json.load(sys.stdin)
    gate = asyncio.Semaphore(work["parallel"])
    hosts = work["hosts"]
    found = await asyncio.gather(*(scanned(host, work, gate) for host in hosts))
    json.dump(dict(zip(hosts, found)), sys.stdout)


asyncio.run(main())
