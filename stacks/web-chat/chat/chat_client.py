"""The chat on the command line: what is typed is sent, what arrives is printed.

    python3 chat_client.py 'wss://chat.web-chat.test/ws?room=lobby&name=Ann'

A connection that ends is opened again, later each time, and what was said meanwhile comes then.
Who was told 1008 (too fast) or 1000 stays away. End with Ctrl-D.
"""

import asyncio
import json
import random
import sys

from tornado.websocket import WebSocketClosedError, websocket_connect

STAY_AWAY = (1000, 1008)
LONGEST = 30  # seconds between two tries


def shown(message):
    """A server's message in one line, without control characters that a terminal would obey."""
    words = {
        "welcome": lambda m: f"* you are {m['name']}; here: {', '.join(m['members'])}",
        "message": lambda m: f"{m['from']}: {m['text']}",
        "presence": lambda m: f"* {moved(m)}{m['count']} here",
        "time": lambda m: f"* the server's clock: {m['time']}",
        "error": lambda m: f"! {m['text']}",
    }[message["type"]](message)
    return "".join(c if c.isprintable() else "�" for c in words)


def moved(message):
    """Who came and who went, as a part of a sentence."""
    lists = (("came", message["joined"]), ("went", message["left"]))
    return "".join(f"{', '.join(names)} {word}; " for word, names in lists if names)


class Client:
    """One person's way into the chat, over as many connections as it takes."""

    def __init__(self, url):
        self.url, self.ws, self.last, self.tries = url, None, 0, 0

    async def stay(self):
        """Connect, read until the end, and again."""
        while True:
            code = await self.once()
            if code in STAY_AWAY:
                return
            self.tries += 1
            pause = random.uniform(0.5, 1) * min(LONGEST, 2**self.tries / 2)
            print(f"* closed ({code}), again in {pause:.1f} s", flush=True)
            await asyncio.sleep(pause)

    async def once(self):
        """One connection; the code with which it ended."""
        joint = "&" if "?" in self.url else "?"
        try:
            self.ws = await websocket_connect(f"{self.url}{joint}since={self.last}")
        except OSError as error:
            return f"no connection: {error}"
        while (text := await self.ws.read_message()) is not None:
            self.tries = 0
            message = json.loads(text)
            for one in [*message.get("history", ()), message]:
                self.last = max(self.last, one.get("id", 0))
                print(shown(one), flush=True)
        return self.ws.close_code or 1006

    async def send(self, line):
        try:
            if self.ws is None:
                raise WebSocketClosedError
            await self.ws.write_message(line)
        except WebSocketClosedError:
            print("! not sent: no connection", flush=True)


async def main(url):
    client = Client(url)
    staying = asyncio.create_task(client.stay())
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while not staying.done():
        line = asyncio.create_task(lines.readline())
        await asyncio.wait({line, staying}, return_when=asyncio.FIRST_COMPLETED)
        if not line.done() or not line.result():
            break
        await client.send(line.result().decode(errors="replace").rstrip("\r\n"))
    if client.ws is not None:
        client.ws.close(1000)
    staying.cancel()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        asyncio.run(main(sys.argv[1]))
    except KeyboardInterrupt:
        pass
