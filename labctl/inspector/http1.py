"""HTTP/1.1 messages as they pass by: heads, and bodies by their framing (RFC 9112)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass

PIECE = 64 * 1024
MAX_HEAD = 256 * 1024
NOTE = "inspect-connection"  # the front's word about the client's own connection
Tap = Callable[[bytes], None]
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;.*)?\r\n", re.DOTALL)


class Broken(Exception):
    """What came is no HTTP/1.1, or ends in the middle."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first line and the header fields of a message, and the bytes that they came in."""

    raw: bytes
    start: str
    fields: tuple[tuple[str, str], ...]

    @property
    def words(self) -> list[str]:
        """The three parts of the first line."""
        return [*self.start.split(" ", 2), "", ""][:3]

    def get(self, name: str) -> str:
        """The values of a field, by its name in lower case, as one list (RFC 9110 section 5.3)."""
        return ", ".join(value for key, value in self.fields if key.lower() == name)

    def has(self, name: str, token: str) -> bool:
        """Whether a field's list holds a word."""
        return token in [part.strip().lower() for part in self.get(name).split(",")]

    def without(self, name: str) -> Head:
        """The same head without a field."""
        prefix = name.encode("latin-1") + b":"
        lines = self.raw.split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(prefix)]
        fields = tuple(pair for pair in self.fields if pair[0].lower() != name)
        return Head(b"\r\n".join(kept), self.start, fields)


def parsed(raw: bytes) -> Head:
    """A head from its bytes, the empty line included; Broken where it is none."""
    start, *lines = raw.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name or name != name.strip():
            raise Broken(f"no header field: {line[:80]!r}")
        fields.append((name, value.strip(" \t")))
    return Head(raw, start, tuple(fields))


async def read_head(reader: asyncio.StreamReader) -> Head | None:
    """The next head; None where the other side has closed instead."""
    try:
        return parsed(await reader.readuntil(b"\r\n\r\n"))
    except asyncio.IncompleteReadError as ended:
        if ended.partial:
            raise Broken("the connection ended in a header") from None
        return None
    except asyncio.LimitOverrunError:
        raise Broken(f"a header of more than {MAX_HEAD} bytes") from None


def request_framing(head: Head) -> int | None:
    """How long a request's body is: a number of bytes, None for chunked (RFC 9112 section 6.3)."""
    return _framing(head, otherwise=0)


def response_framing(head: Head, method: str) -> int | None:
    """The same for a response; -1 where it ends with the connection."""
    status = head.words[1]
    if method == "HEAD" or status in ("204", "304") or status.startswith("1"):
        return 0
    return _framing(head, otherwise=-1)


def _framing(head: Head, otherwise: int) -> int | None:
    if head.get("transfer-encoding"):
        return None
    length = head.get("content-length")
    if length and not _LENGTH.fullmatch(length):
        raise Broken(f"no length: {length[:40]!r}")
    return int(length) if length else otherwise


async def pass_body(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, framing: int | None, tap: Tap
) -> None:
    """Hand a body on as it comes; ``tap`` is shown what is in it."""
    if framing is None:
        await _pass_chunks(reader, writer, tap)
    elif framing < 0:
        while piece := await reader.read(PIECE):
            tap(piece)
            await _send(writer, piece)
    else:
        await _pass_bytes(reader, writer, framing, tap)


async def _pass_chunks(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tap: Tap
) -> None:
    """RFC 9112 section 7.1, trailers included."""
    while True:
        line = await _line(reader)
        found = _CHUNK.fullmatch(line)
        if not found:
            raise Broken(f"no length of a chunk: {line[:40]!r}")
        size = int(found[1], 16)
        writer.write(line)
        if not size:
            break
        await _pass_bytes(reader, writer, size, tap)
        writer.write(await _line(reader))
    while (line := await _line(reader)) != b"\r\n":
        writer.write(line)
    await _send(writer, line)


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        raise Broken("the connection ended between two chunks") from None


async def _pass_bytes(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, count: int, tap: Tap
) -> None:
    while count:
        piece = await reader.read(min(count, PIECE))
        if not piece:
            raise Broken(f"the connection ended {count} bytes too early")
        count -= len(piece)
        tap(piece)
        await _send(writer, piece)


async def _send(writer: asyncio.StreamWriter, piece: bytes) -> None:
    """Write, and wait where the other side takes it slowly: no more than a piece is kept."""
    writer.write(piece)
    await writer.drain()
