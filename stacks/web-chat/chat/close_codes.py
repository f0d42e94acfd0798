"""How a connection ends: each close code provoked, and seen by a client (RFC 6455 section 7.4).

    python3 close_codes.py wss://chat.web-chat.test/ws [CODE ...]

A line for each code: what was done, and what the client then knows. Exit status 1 where something
else is seen than should be. 1006 is never sent: a client says it to itself when a connection ends
without a close frame.
"""

import asyncio
import sys

from tornado.websocket import WebSocketClosedError, websocket_connect

PATIENCE = 8  # seconds
WAYS = {
    1000: ("asked the server to close", ["/close"]),
    1001: ("asked the server to go away", ["/away"]),
    1006: ("asked the server to cut the connection", ["/cut"]),
    1008: ("sent a hundred messages at once", ["quick"] * 100),
    1009: ("sent one message of 10,000 bytes", ["x" * 10_000]),
    1011: ("made the server fail", ["/fail"]),
}


async def ended(url, messages):
    """The close code and reason after these messages; 1006 where no close frame came."""
    ws = await websocket_connect(f"{url}?room=codes", connect_timeout=PATIENCE)
    try:
        for message in messages:
            await ws.write_message(message)
    except WebSocketClosedError:
        pass  # closed already: why, stands in what came back

    async def read():
        while await ws.read_message() is not None:
            pass

    await asyncio.wait_for(read(), PATIENCE)
    return ws.close_code or 1006, ws.close_reason or ""


async def main(url, wanted):
    wrong = False
    for code in wanted:
        what, messages = WAYS[code]
        seen, reason = await ended(url, messages)
        wrong |= seen != code
        print(f"{seen}  {what}{f': {reason}' if reason else ''}"
              f"{'' if seen == code else f'   (should be {code})'}", flush=True)
    return wrong


if __name__ == "__main__":
    if len(sys.argv) < 2 or not all(one.isdecimal() and int(one) in WAYS for one in sys.argv[2:]):
        sys.exit(__doc__)
    codes = [int(one) for one in sys.argv[2:]] or list(WAYS)
    sys.exit(1 if asyncio.run(main(sys.argv[1], codes)) else 0)
