"""Messages through a WebSocket chat (RFC 6455); runs inside the load generator's container.

Arguments: host, port, name for the Host header, connections, seconds. Each connection is alone
in its room, says something, waits until the room hears it, and says the next. Prints how many
messages came back a second. Standard library only, no asyncio: the client must not be what is
measured.
"""

import base64
import os
import select
import socket
import sys
import time

TEXT = b"a message of a usual length for a chat, forty bytes more"
MESSAGE = b'"type": "message"'
MASK = b"\x01\x02\x03\x04"


def frame(text):
    """A masked text frame of less than 126 bytes (RFC 6455 section 5.2)."""
    masked = bytes(byte ^ MASK[n % 4] for n, byte in enumerate(text))
    return bytes([0x81, 0x80 | len(text)]) + MASK + masked


def connect(host, port, name, room):
    connection = socket.create_connection((host, port), timeout=5)
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET /ws?room={room} HTTP/1.1\r\nHost: {name}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
        "Sec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    buffer = b""
    while b"\r\n\r\n" not in buffer:
        buffer += connection.recv(4096)
    head, _, rest = buffer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 101"):
        raise SystemExit(f"no WebSocket: {head[:80]!r}")
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection, bytearray(rest)


def heard(buffer):
    """Take the whole frames out of a buffer; how many of them are chat messages."""
    if (
        len(buffer) > 4
        and buffer[1] == 126
        and len(buffer) == 4 + int.from_bytes(buffer[2:4], "big")
    ):
        count = MESSAGE in buffer  # the usual case: one frame, whole
        buffer.clear()
        return count
    count, place = 0, 0
    while len(buffer) >= place + 2:
        size, head = buffer[place + 1] & 0x7F, 2
        if size == 126:
            size, head = int.from_bytes(buffer[place + 2 : place + 4], "big"), 4
        elif size == 127:
            size, head = int.from_bytes(buffer[place + 2 : place + 10], "big"), 10
        if len(buffer) < place + head + size:
            break
        count += MESSAGE in buffer[place + head : place + head + 30]
        place += head + size
    del buffer[:place]
    return count


def talk(connections, seconds):
    """Let every connection say its next message as soon as it hears its last one."""
    said, count = frame(TEXT), 0
    buffers = {connection.fileno(): buffer for connection, buffer in connections}
    sockets = {connection.fileno(): connection for connection, _ in connections}
    poll = select.epoll()
    for number, connection in sockets.items():
        poll.register(number, select.EPOLLIN)
        connection.sendall(said)
    start = time.monotonic()
    while (now := time.monotonic()) < start + seconds:
        for number, _ in poll.poll(1):
            part = os.read(number, 65536)
            if not part:
                raise SystemExit("a connection was closed")
            buffers[number] += part
            if heard(buffers[number]):
                count += 1
                os.write(number, said)
    return count / (now - start)


def main():
    host, port, name, connections, seconds = sys.argv[1:]
    opened = [connect(host, int(port), name, f"bench-{n}") for n in range(int(connections))]
    print(talk(opened, float(seconds)))
    for connection, _ in opened:
        connection.close()


main()
