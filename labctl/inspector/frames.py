"""WebSocket frames as they pass by (RFC 6455 section 5.2), inflated where agreed (RFC 7692)."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
NAMES = {CONTINUATION: "continuation", TEXT: "text", BINARY: "binary", CLOSE: "close",
         PING: "ping", PONG: "pong"}  # fmt: skip
NO_STATUS, ABNORMAL = 1005, 1006  # never sent, only said (section 7.4.1)
_TAIL = b"\x00\x00\xff\xff"
_PATIENCE = 16  # times what is kept: inflating more of a message is not worth its time


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: ``size`` its payload's bytes on the wire, ``data`` the first of them, unmasked."""

    opcode: int
    fin: bool
    compressed: bool
    masked: bool
    size: int
    data: bytes

    @property
    def close_code(self) -> int:
        """What a close frame says: its code, or 1005 where it says none."""
        return int.from_bytes(self.data[:2], "big") if len(self.data) >= 2 else NO_STATUS


class Reader:
    """One direction of a connection: bytes in, frames out. It keeps ``limit`` bytes of each."""

    def __init__(self, limit: int, deflate: bool, takeover: bool, seen: Callable[[Frame], None]):
        self._limit, self._seen, self._takeover = limit, seen, takeover
        self._inflater = zlib.decompressobj(-15) if deflate else None
        self._message_compressed = False
        self._buffer = bytearray()
        self._left = 0  # bytes of the payload that are still to come
        self._head: tuple[int, bool, bool, bytes, int] | None = None
        self._place = 0  # of the next byte in the payload, for the mask
        self._kept = bytearray()
        self._spent = 0  # bytes inflated of the message

    def feed(self, data: bytes) -> None:
        """Look at the next bytes of the connection."""
        self._buffer += data
        while self._buffer or (self._head and not self._left):
            if self._head is None and not self._begin():
                return
            self._take()
            if self._head and not self._left:
                self._end()

    def _begin(self) -> bool:
        """Read a frame's head; whether it is there."""
        head = self._buffer
        if len(head) < 2:
            return False
        masked, short = bool(head[1] & 0x80), head[1] & 0x7F
        extended = {126: 2, 127: 8}.get(short, 0)
        whole = 2 + extended + 4 * masked
        if len(head) < whole:
            return False
        size = int.from_bytes(head[2 : 2 + extended], "big") if extended else short
        opcode, fin, compressed = head[0] & 0x0F, bool(head[0] & 0x80), bool(head[0] & 0x40)
        mask = bytes(head[2 + extended : whole])
        del head[:whole]
        self._head, self._left, self._place = (opcode, fin, compressed, mask, size), size, 0
        if opcode in (TEXT, BINARY):
            self._message_compressed, self._spent = compressed, 0
        return True

    def _take(self) -> None:
        """Take what is there of the payload."""
        assert self._head
        opcode, _, _, mask, _ = self._head
        piece = bytes(self._buffer[: self._left])
        del self._buffer[: len(piece)]
        self._left -= len(piece)
        if mask and piece:
            piece = _unmasked(piece, mask, self._place)
        self._place += len(piece)
        if self._inflates(opcode):
            piece = self._inflated(piece)
        self._kept += piece[: max(0, self._limit - len(self._kept))]

    def _inflates(self, opcode: int) -> bool:
        return self._inflater is not None and self._message_compressed and opcode < CLOSE

    def _inflated(self, piece: bytes) -> bytes:
        """A piece inflated. All of it is, also what is not kept: what follows refers to it.

        After the end of a stream zlib still names as left what it will never consume.
        """
        inflater = self._inflater
        assert inflater
        found = bytearray()
        try:
            while piece and not inflater.eof and self._spent <= self._limit * _PATIENCE:
                part = inflater.decompress(piece, self._limit + 1)
                self._spent += len(part)
                found += part[: max(0, self._limit - len(found))]
                piece = inflater.unconsumed_tail
        except zlib.error:
            piece = b"?"
        if piece or inflater.eof:
            self._inflater = None  # from here on frames are shown as they are
        return bytes(found)

    def _end(self) -> None:
        assert self._head
        opcode, fin, compressed, mask, size = self._head
        if fin and self._inflates(opcode):
            self._kept += self._inflated(_TAIL)[: max(0, self._limit - len(self._kept))]
            if not self._takeover and self._inflater:
                self._inflater = zlib.decompressobj(-15)
        frame = Frame(opcode, fin, compressed, bool(mask), size, bytes(self._kept))
        self._head, self._kept = None, bytearray()
        self._seen(frame)


def _unmasked(piece: bytes, mask: bytes, place: int) -> bytes:
    """A piece of a payload that begins at ``place`` (section 5.3)."""
    turned = mask[place % 4 :] + mask[: place % 4]
    key = (turned * (len(piece) // 4 + 1))[: len(piece)]
    mixed = int.from_bytes(piece, "big") ^ int.from_bytes(key, "big")
    return mixed.to_bytes(len(piece), "big")
