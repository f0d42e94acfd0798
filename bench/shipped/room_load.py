"""A chat room with very many clients (RFC 6455); runs inside the load generator's container.

Arguments: host, port, name for the Host header, clients, messages. All come into one room, a few
at a time; one of them says the messages at a steady rate, and every client notes when it hears
each. Prints JSON: the milliseconds of each hearing, how many are missing, and how many connections
were closed before the end. Standard library only.
"""

import base64
import contextlib
import json
import os
import re
import resource
import select
import socket
import sys
import time

RATE = 5  # messages a second
LATE = 20  # seconds until what has not come is missing
SAID = re.compile(rb'"text": "number (\d+)"')
MASK = b"\x01\x02\x03\x04"
ROOM = "bench-full"


class Client:
    """One connection, and what of its last frame has come so far."""

    def __init__(self, host, port, name):
        self.socket = socket.create_connection((host, port), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /ws?room={ROOM} HTTP/1.1\r\nHost: {name}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        head, _, self.rest = self.answer().partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            raise SystemExit(f"no WebSocket: {head[:80]!r}")
        self.socket.setblocking(False)

    def answer(self):
        """The head of the answer, and what has come behind it."""
        found = b""
        while b"\r\n\r\n" not in found and (part := self.socket.recv(65536)):
            found += part
        return found

    def say(self, text):
        """Send a masked text frame of less than 126 bytes (RFC 6455 section 5.2)."""
        data = text.encode()
        masked = bytes(byte ^ MASK[n % 4] for n, byte in enumerate(data))
        self.socket.sendall(bytes([0x81, 0x80 | len(data)]) + MASK + masked)

    def frames(self):
        """The payloads of the text frames that have come whole. EOFError: it is closed."""
        part = self.socket.recv(262144)
        if not part:
            raise EOFError
        data, at = self.rest + part, 0
        while (found := payload(data, at)) is not None:
            opcode, first, at = found
            if opcode == 8:
                raise EOFError
            if opcode == 9:
                self.socket.sendall(bytes([0x8A, 0x80]) + MASK)
            if opcode == 1:
                yield data[first:at]
        self.rest = data[at:]


def payload(data, at):
    """The opcode of the frame at a place, and where its payload begins and ends, if it is whole."""
    if len(data) < at + 4:
        return None
    size, first = data[at + 1] & 127, at + 2
    if size >= 126:
        wide = 2 if size == 126 else 8
        size, first = int.from_bytes(data[first : first + wide], "big"), first + wide
    return (data[at] & 15, first, first + size) if len(data) >= first + size else None


class Room:
    """All clients, and what they have heard."""

    def __init__(self):
        self.poll, self.clients = select.epoll(), {}
        self.said, self.heard, self.closed = {}, [], 0

    def enter(self, client):
        number = client.socket.fileno()
        self.clients[number] = client
        self.poll.register(number, select.EPOLLIN)

    def listen(self, seconds):
        """Take what comes within some time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            for number, _ in self.poll.poll(left):
                self.take(number)

    def take(self, number):
        client = self.clients[number]
        try:
            for text in client.frames():
                if said := SAID.search(text):
                    self.heard.append(1000 * (time.monotonic() - self.said[int(said[1])]))
        except (EOFError, OSError):
            self.closed += 1
            self.poll.unregister(number)
            client.socket.close()
            del self.clients[number]

    def say(self, number):
        self.said[number] = time.monotonic()
        with contextlib.suppress(OSError):  # closed meanwhile: `take` finds that out
            next(iter(self.clients.values())).say(f"number {number}")


def main():
    host, port, name, clients, messages = sys.argv[1:]
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    room, begun = Room(), time.monotonic()
    for _ in range(int(clients)):
        room.enter(Client(host, int(port), name))
        room.listen(0.001)
    entered = time.monotonic() - begun
    room.listen(1)
    for number in range(int(messages)):
        if not room.clients:
            break
        room.say(number)
        room.listen(1 / RATE)
    wanted, deadline = int(clients) * int(messages), time.monotonic() + LATE
    while room.clients and len(room.heard) < wanted and time.monotonic() < deadline:
        room.listen(0.1)
    print(
        json.dumps(
            {
                "milliseconds": room.heard,
                "missing": wanted - len(room.heard),
                "closed": room.closed,
                "entered": entered,
                "rate": RATE,
            }
        )
    )


main()
