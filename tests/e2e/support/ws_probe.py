"""Runs cases against servers, on a machine of the lab: ``python3 -I -c``, nothing installed.

Standard input is the work: ``targets`` (name, host, port, tls, ``authority`` as PEM or "") and
``cases`` (``ws_cases``). Out goes, by target and case, what was seen: the handshake's status and
what it agreed on, each frame, and how the connection ended. Ends that a proxy may turn into each
other (FIN, RST, close_notify) are one.
"""

import asyncio
import hashlib
import json
import ssl
import sys

AT_ONCE = 16
PATIENCE = 10.0  # seconds for each step
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
TOLD = ("sec-websocket-accept", "sec-websocket-protocol", "sec-websocket-extensions")


async def frame(reader):
    """The next frame, as what is compared: opcode, flags, length, and a digest of its payload."""
    first, second = await reader.readexactly(2)
    size = second & 127
    if size > 125:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    payload = await reader.readexactly(size)
    return [first & 15, first >> 4, second >> 7, size, hashlib.sha256(payload).hexdigest()[:16]]


async def handshake(target, case, reader, writer):
    fields = {
        "Host": target["host"], "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": KEY, **case.get("fields", {}),
    }  # fmt: skip
    lines = [f"GET {case.get('path', '/ws')} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    start, *rest = head.split("\r\n")
    found = {name.strip().lower(): value.strip() for name, _, value in
             (line.partition(":") for line in rest)}  # fmt: skip
    return int(start.split()[1]), [found.get(name, "") for name in TOLD]


async def step(one, reader, writer, seen):
    if "send" in one:
        writer.write(bytes.fromhex(one["send"]))
        await writer.drain()
    for _ in range(one.get("read", 0)):
        seen.append(await frame(reader))
    while one.get("end"):
        seen.append(await frame(reader))


async def run(target, case, context):
    """One case against one server."""
    seen = []
    reader, writer = await asyncio.open_connection(
        target["address"], target["port"], ssl=context, limit=2**22,
        server_hostname=target["host"] if context else None,
    )  # fmt: skip
    end = "open"
    try:
        status, agreed = await asyncio.wait_for(handshake(target, case, reader, writer), PATIENCE)
        seen += [status, agreed]
        for one in case["steps"] if status == 101 else ():
            await asyncio.wait_for(step(one, reader, writer, seen), PATIENCE)
    except TimeoutError:
        end = "silent"
    except (OSError, EOFError):
        end = "ended"
    finally:
        writer.transport.abort()
    return [*seen, end]


async def main():
    work = json.load(sys.stdin)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(target, case):
        context = ssl.create_default_context(cadata=target["authority"]) if target["tls"] else None
        async with gate:
            try:
                return await run(target, case, context)
            except OSError as error:
                return [f"no connection: {error}"]

    result = {}
    for target in work["targets"]:
        found = await asyncio.gather(*(one(target, case) for case in work["cases"]))
        names = [case["name"] for case in work["cases"]]
        result[target["name"]] = dict(zip(names, found, strict=True))
    json.dump(result, sys.stdout)


asyncio.run(main())
