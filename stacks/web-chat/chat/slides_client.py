"""The client of the slides, with a URL and a main() around it.

    python3 slides_client.py wss://chat.web-chat.test/ws
"""

import asyncio
import sys

from tornado.websocket import websocket_connect


def on_message(msg):
    print(f"[In on message] {msg}", flush=True)


async def main(url):
    ws = await websocket_connect(url, on_message_callback=on_message)

    await ws.write_message("coucou")
    await ws.write_message("byebye")
    await ws.write_message("vive la MMC")

    await asyncio.sleep(1)  # what comes meanwhile goes to on_message
    ws.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://localhost:8000/ws"))
