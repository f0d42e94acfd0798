"""The cases of the WebSocket comparison: what a client sends, and when it reads (RFC 6455).

Each is a name and steps for ``ws_probe``: ``{"send": HEX}``, ``{"read": FRAMES}`` or, at the end,
``{"end": true}``: read on until the other side ends the connection. What must be seen is not said:
the front is held against the direct connection, whatever the server behind makes of it. What was
sent before something wrong is read first, so that no reset on the way decides what is seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
MASK = bytes.fromhex("37fa213d")  # the mask of RFC 6455 section 5.7
SIZES = (0, 1, 2, 3, 4, 124, 125, 126, 127, 128, 255, 256, 4096, 65534, 65535, 65536, 65537,
         131072, 500_000)  # fmt: skip
PROBE = (Path(__file__).parent / "ws_probe.py").read_text(encoding="utf-8")  # runs them somewhere
Case = dict[str, Any]


def frame(
    opcode: int,
    payload: bytes = b"",
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = MASK,
    length: int = 0,
) -> bytes:
    """One frame; ``length`` forces the 16- or 64-bit form of its length (2 or 8 bytes)."""
    size = len(payload)
    width = length or (0 if size < 126 else 2 if size < 65536 else 8)
    short = {0: size, 2: 126, 8: 127}[width]
    head = bytes([fin << 7 | rsv << 4 | opcode, (mask is not None) << 7 | short])
    extended = size.to_bytes(width, "big") if width else b""
    return head + extended + (mask + masked(payload, mask) if mask is not None else payload)


def masked(payload: bytes, mask: bytes) -> bytes:
    """RFC 6455 section 5.3."""
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    return mixed.to_bytes(len(payload), "big")


GOODBYE = frame(CLOSE, b"\x03\xe8")


def case(name: str, *pieces: bytes, read: int = 0, good: bool = True, **more: Any) -> Case:
    """Pieces to send, each by itself, frames to read, and, where all is well, a close."""
    steps: list[dict[str, Any]] = [{"send": piece.hex()} for piece in pieces]
    steps += [{"read": read}] if read else []
    steps += [{"send": GOODBYE.hex()}] if good else []
    return {"name": name, "steps": [*steps, {"end": True}], **more}


def cases() -> list[Case]:
    """All of them."""
    found = [
        *_sizes(), *_fragments(), *_segments(), *_control(), *_reserved(), *_utf8(), *_closing(),
        *_masks(), *_sequence(), *_handshakes(),
    ]  # fmt: skip
    names = [one["name"] for one in found]
    assert len(names) == len(set(names)), "two cases of one name"
    return found


def _sizes() -> Iterator[Case]:
    for size in SIZES:
        for name, opcode in (("text", TEXT), ("binary", BINARY)):
            yield case(f"{name} of {size}", frame(opcode, b"a" * size), read=1)
    for size, width in ((0, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65535, 8)):
        yield case(
            f"{size} said in {width} bytes", frame(BINARY, b"b" * size, length=width), read=1
        )
    announced = frame(BINARY, b"c" * (2**20 + 1))[:14]  # its payload would still be on the way
    yield case("more than is taken", announced, good=False)
    yield case("ten messages at once", b"".join(frame(TEXT, b"%d" % n) for n in range(10)), read=10)


def _parts(data: bytes, count: int) -> list[bytes]:
    step = max(1, -(-len(data) // count))
    return [data[n : n + step] for n in range(0, len(data), step)]


def _fragmented(opcode: int, parts: list[bytes]) -> list[bytes]:
    last = len(parts) - 1
    return [frame(opcode if n == 0 else CONT, part, fin=n == last) for n, part in enumerate(parts)]


def _fragments() -> Iterator[Case]:
    for name, opcode in (("text", TEXT), ("binary", BINARY)):
        for count in (2, 3, 5, 10, 100):
            parts = _parts(b"0123456789" * 100, count)
            yield case(f"{name} in {count} frames", b"".join(_fragmented(opcode, parts)), read=1)
            one_by_one = _fragmented(opcode, parts)
            yield case(f"{name} in {count} frames, each by itself", *one_by_one, read=1)
        empty = [b"", b"ab", b"", b"", b"cd", b""]
        yield case(f"{name} with empty frames", b"".join(_fragmented(opcode, empty)), read=1)
        nothing = _fragmented(opcode, [b"", b"", b""])
        yield case(f"{name} of nothing in three frames", b"".join(nothing), read=1)
        for control in (PING, PONG):
            mixed = [p for part in _fragmented(opcode, [b"one", b"two", b"three"])
                     for p in (frame(control, b"!"), part)]  # fmt: skip
            pongs = 3 if control == PING else 0
            yield case(f"{name} with opcode {control} between", b"".join(mixed), read=1 + pongs)


def _segments() -> Iterator[Case]:
    """However TCP cuts them."""
    whole = {
        "text": (frame(TEXT, "été".encode()), 1),
        "binary of 200": (frame(BINARY, bytes(range(200))), 1),
        "ping": (frame(PING, b"hello"), 1),
        "fragments": (b"".join(_fragmented(TEXT, [b"a" * 40, b"b" * 40])), 1),
        "two messages": (frame(TEXT, b"one") + frame(TEXT, b"two"), 2),
    }
    for name, (data, read) in whole.items():
        for step in (1, 2, 3, 7, 64):
            pieces = [data[n : n + step] for n in range(0, len(data), step)]
            yield case(f"{name} in pieces of {step}", *pieces, read=read)


def _control() -> Iterator[Case]:
    for size in (0, 1, 2, 64, 124, 125):
        yield case(f"ping of {size}", frame(PING, b"p" * size), read=1)
        yield case(f"pong of {size}, unasked", frame(PONG, b"p" * size))
    for count in (10, 50, 100):
        yield case(
            f"{count} pings", b"".join(frame(PING, b"%d" % n) for n in range(count)), read=count
        )
    for name, opcode in (("ping", PING), ("pong", PONG), ("close", CLOSE)):
        yield case(f"{name} of 126", frame(opcode, b"p" * 126), good=False)
        yield case(f"{name} in two frames", frame(opcode, b"p", fin=False), good=False)


def _reserved() -> Iterator[Case]:
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        yield case(f"opcode {opcode}", frame(opcode, b"x"), good=False)
        before = frame(TEXT, b"first")
        late = case(f"opcode {opcode} after a message", before, read=1, good=False)
        late["steps"].insert(-1, {"send": frame(opcode, b"x").hex()})
        yield late
    for rsv in range(1, 8):
        yield case(f"reserved bits {rsv} of a text", frame(TEXT, b"x", rsv=rsv), good=False)
        yield case(f"reserved bits {rsv} of a ping", frame(PING, b"x", rsv=rsv), good=False)


VALID = ("24", "c280", "dfbf", "e0a080", "ed9fbf", "ee8080", "efbfbd", "efbfbf", "f0908080",
         "f48fbfbf", "e282ac", "cebae1bdb9cf83cebcceb5", "f09f9880", "00", "7f",
         "efbbbf61")  # fmt: skip
INVALID = ("80", "bf", "c0af", "c1bf", "e08080", "e080af", "eda080", "edbfbf", "f08080af",
           "f4908080", "f8888080", "fe", "ff", "c2", "e282", "f09f98", "61ff62",
           "cebae1bdb9cf83cebcceb5eda080656469746564")  # fmt: skip


def _utf8() -> Iterator[Case]:
    for word in VALID:
        data = bytes.fromhex(word)
        yield case(f"UTF-8 {word}", frame(TEXT, data), read=1)
        single = [data[n : n + 1] for n in range(len(data))]
        if len(data) > 1:
            cut = b"".join(_fragmented(TEXT, single))
            yield case(f"UTF-8 {word}, a frame for each byte", cut, read=1)
    for word in INVALID:
        data = bytes.fromhex(word)
        yield case(f"no UTF-8 {word}", frame(TEXT, data), good=False)
        yield case(f"no UTF-8 {word}, as bytes", frame(BINARY, data), read=1)
        cut = _fragmented(TEXT, [b"fine ", data, b" end"])
        yield case(f"no UTF-8 {word}, in the middle", b"".join(cut), good=False)


CODES = (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999,
         4000, 4999)  # fmt: skip
NO_CODES = (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)


def _closing() -> Iterator[Case]:
    yield case("close without a code", frame(CLOSE), good=False)
    yield case("close with half a code", frame(CLOSE, b"\x03"), good=False)
    for code in (*CODES, *NO_CODES):
        yield case(f"close {code}", frame(CLOSE, code.to_bytes(2, "big")), good=False)
    for size in (1, 50, 122, 123):
        payload = b"\x03\xe8" + b"r" * size
        yield case(f"close with a reason of {size}", frame(CLOSE, payload), good=False)
    for reason in ("c3a9", "ff", "c2", "eda080"):
        payload = b"\x03\xe8" + bytes.fromhex(reason)
        yield case(f"close with the reason {reason}", frame(CLOSE, payload), good=False)
    yield case("close in the middle of a message", frame(TEXT, b"x", fin=False))
    yield case("close right after a message", frame(TEXT, b"last") + GOODBYE, good=False)


def _masks() -> Iterator[Case]:
    for mask in ("00000000", "ffffffff", "00ff00ff", "01020304"):
        made = frame(TEXT, b"masked text", mask=bytes.fromhex(mask))
        yield case(f"mask {mask}", made, read=1)
    for name, opcode in (("text", TEXT), ("binary", BINARY), ("ping", PING), ("close", CLOSE)):
        unmasked = frame(opcode, b"", mask=None)
        yield case(f"{name} without a mask", unmasked, good=opcode != CLOSE)


def _sequence() -> Iterator[Case]:
    yield case("a continuation of nothing", frame(CONT, b"x"), good=False)
    yield case("a continuation of nothing, not the last", frame(CONT, b"x", fin=False), good=False)
    twice = frame(TEXT, b"a", fin=False) + frame(TEXT, b"b")
    yield case("a text within a text", twice, good=False)
    yield case(
        "a binary within a text", frame(TEXT, b"a", fin=False) + frame(BINARY, b"b"), good=False
    )
    done = b"".join(_fragmented(TEXT, [b"a", b"b"]))
    late = case("a continuation after the last", done, read=1, good=False)
    late["steps"].insert(-1, {"send": frame(CONT, b"c").hex()})
    yield late


def _handshakes() -> Iterator[Case]:
    """Those that a front does not make good by itself, as it does a missing ``Connection``."""
    for version in ("0", "7", "8", "99", "x"):
        yield case(f"version {version}", fields={"Sec-WebSocket-Version": version})
    yield case("no version", fields={"Sec-WebSocket-Version": ""})
    yield case("no key", fields={"Sec-WebSocket-Key": ""})
    yield case(
        "a subprotocol", frame(TEXT, b"x"), read=1, fields={"Sec-WebSocket-Protocol": "chat"}
    )
    yield case("an unknown extension", frame(TEXT, b"x"), read=1,
               fields={"Sec-WebSocket-Extensions": "x-nothing; a=b"})  # fmt: skip
    yield case("compression offered", frame(TEXT, b"x"), read=1,
               fields={"Sec-WebSocket-Extensions": "permessage-deflate"})  # fmt: skip
    yield case("an origin", frame(TEXT, b"x"), read=1, fields={"Origin": "https://evil.example"})
    yield case("no such path", path="/nothing")
