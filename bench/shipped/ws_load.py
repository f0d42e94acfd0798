"""Messages through a WebSocket chat (RFC 6455); runs inside the load generator's container.

Arguments: host, port, name for the Host header, connections, seconds. Each connection is alone
in its room, says a few messages, waits until the room has heard them, and says the next. Prints
how many messages came back a second. Standard library only.
"""

import base64
import os
import select
import socket
import sys
import time

TEXT = b"a message of a usual length for a chat, forty bytes more"
MESSAGE = b'"type": "message"'
AT_ONCE = 16
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
    return connection, rest


def talk(connections, seconds):
    """Let every connection say a few messages at once, and the next as soon as it heard them.

    What comes back is counted without taking frames apart: the client must not be what is
    measured.
    """
    said, count = frame(TEXT) * AT_ONCE, 0
    sockets = {connection.fileno(): connection for connection, _ in connections}
    tails = {connection.fileno(): bytes(rest) for connection, rest in connections}
    awaited = dict.fromkeys(sockets, AT_ONCE)
    poll = select.epoll()
    for number, connection in sockets.items():
        poll.register(number, select.EPOLLIN)
        connection.sendall(said)
    start = time.monotonic()
    while (now := time.monotonic()) < start + seconds:
        for number, _ in poll.poll(1):
            part = os.read(number, 262144)
            if not part:
                raise SystemExit("a connection was closed")
            text = tails[number] + part
            heard = text.count(MESSAGE)
            tails[number] = text[1 - len(MESSAGE) :]
            count += heard
            awaited[number] -= heard
            if awaited[number] <= 0:
                awaited[number] += AT_ONCE
                os.write(number, said)
    return count / (now - start)


def main():
    host, port, name, connections, seconds = sys.argv[1:]
    opened = [connect(host, int(port), name, f"bench-{n}") for n in range(int(connections))]
    print(talk(opened, float(seconds)))
    for connection, _ in opened:
        connection.close()


main()
