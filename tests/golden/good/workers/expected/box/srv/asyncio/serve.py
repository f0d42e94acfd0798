"""One process, one thread: an event loop goes on with whichever request can go on."""

import asyncio
import os

import handler


async def serve_one(reader, writer):
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(await answer(head))
        await writer.drain()
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        pass  # whoever asked has gone, or sends no request
    finally:
        writer.close()


async def answer(head):
    """The bytes of an answer to a request of which the head is read (RFC 9112)."""
    words = head.split(b"\r\n")[0].split(b" ")
    if len(words) != 3:
        return b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    body = await handler.answer_async(words[1].decode("latin-1"))
    status = "404 Not Found" if body is None else "200 OK"
    lines = (
        f"HTTP/1.1 {status}",
        f"Content-Type: {handler.TYPE}",
        f"Content-Length: {len(body or b'')}",
        "Connection: close",
    )
    return "\r\n".join((*lines, "", "")).encode() + (body or b"")


async def main():
    server = await asyncio.start_server(
        serve_one, os.environ["HOST"], int(os.environ["PORT"]), backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
