"""The chat on the command line: what is typed is sent, what arrives is printed.

    python3 chat_client.py wss://chat.lab1.test/ws?room=lobby

ws:// and wss:// both; for wss the server's certificate must come from an authority that this
machine trusts. End with Ctrl-D.
"""

import asyncio
import json
import sys

from tornado.websocket import WebSocketClosedError, websocket_connect


def shown(text):
    """A server's message in one line, without control characters that a terminal would obey."""
    message = json.loads(text)
    words = {
        "welcome": lambda m: "\n".join(
            [f"{said['from']}: {said['text']}" for said in m["history"]]
            + [f"* you are {m['name']} in the room {m['room']}"]
        ),
        "message": lambda m: f"{m['from']}: {m['text']}",
        "presence": lambda m: "* here: " + ", ".join(m["members"]),
        "time": lambda m: f"* the server's clock: {m['time']}",
        "error": lambda m: f"! {m['text']}",
    }[message["type"]](message)
    return "".join(c if c.isprintable() or c == "\n" else "�" for c in words)


async def main(url):
    closed = asyncio.Event()

    def on_message(message):
        if message is None:  # Tornado's way to say that the connection is closed
            closed.set()
        else:
            print(shown(message), flush=True)

    ws = await websocket_connect(url, on_message_callback=on_message)
    ending = asyncio.create_task(closed.wait())
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while not closed.is_set():
        line = asyncio.create_task(lines.readline())
        await asyncio.wait({line, ending}, return_when=asyncio.FIRST_COMPLETED)
        if not line.done() or not line.result():
            break
        try:
            await ws.write_message(line.result().decode(errors="replace").rstrip("\r\n"))
        except WebSocketClosedError:
            break
    ws.close()
    await asyncio.wait_for(ending, 5)
    print(f"* closed: {ws.close_code} {ws.close_reason or ''}".rstrip())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        asyncio.run(main(sys.argv[1]))
    except KeyboardInterrupt:
        pass
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error}")
