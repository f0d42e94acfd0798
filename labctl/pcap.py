"""Captures with the keys of their TLS connections in the same file. Pure.

tcpdump writes pcap (draft-ietf-opsawg-pcap). Wireshark and tshark also read pcapng
(draft-ietf-opsawg-pcapng), which has a block for TLS secrets: a file with it is decrypted by
opening it. The secrets are lines of a key log (RFC 9850), as ``SSLKEYLOGFILE`` makes clients
write one.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

# magic number: byte order and, of a packet's time, the fraction's power of ten
_MAGIC = {
    b"\xd4\xc3\xb2\xa1": ("<", 6),
    b"\xa1\xb2\xc3\xd4": (">", 6),
    b"\x4d\x3c\xb2\xa1": ("<", 9),
    b"\xa1\xb2\x3c\x4d": (">", 9),
}
_HEAD = 24
_RECORD = 16
_SECTION, _INTERFACE, _SECRETS, _PACKET = 0x0A0D0D0A, 1, 0x0A, 6
_TLS_KEY_LOG = 0x544C534B
_TIME_RESOLUTION = 9
# a client's first message, from its record's first octet to the end of its random
_HELLO = re.compile(rb"\x16\x03[\0-\4]..\x01...\x03[\0-\3](.{32})", re.DOTALL)
_KEY = re.compile(rb"[A-Z0-9_]{4,40} ([0-9a-fA-F]{64}) [0-9a-fA-F]{2,256}")


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet: when, in units of its capture, the bytes that were kept, its whole length."""

    time: int
    data: bytes
    length: int


@dataclass(frozen=True, slots=True)
class Capture:
    """A capture: type of its link layer, longest packet kept, fraction of its times, packets."""

    link: int
    longest: int
    digits: int
    packets: tuple[Packet, ...]


def read(data: bytes) -> Capture:
    """The capture in a pcap file; ValueError where it is none. One cut off ends before the cut."""
    if data[:4] not in _MAGIC or len(data) < _HEAD:
        raise ValueError("this is no capture in pcap format")
    order, digits = _MAGIC[data[:4]]
    longest, link = struct.unpack(f"{order}II", data[16:_HEAD])
    return Capture(link & 0xFFFF, longest, digits, tuple(_packets(data, order, digits)))


def _packets(data: bytes, order: str, digits: int) -> Iterator[Packet]:
    at = _HEAD
    while at + _RECORD <= len(data):
        seconds, fraction, kept, length = struct.unpack(f"{order}IIII", data[at : at + _RECORD])
        at += _RECORD + kept
        if at > len(data):
            return
        yield Packet(seconds * 10**digits + fraction, data[at - kept : at], length)


def keys_of(capture: Capture, log: bytes) -> bytes:
    """The lines of a key log that belong to connections of a capture.

    Each names its connection by the client's random, which the first message of a handshake
    shows to everybody (RFC 8446 section 4.1.2). What is no such line is left out.
    """
    begun = {random for packet in capture.packets for random in _HELLO.findall(packet.data)}
    found = (_KEY.fullmatch(line.strip()) for line in log.splitlines())
    lines = dict.fromkeys(m[0] for m in found if m and bytes.fromhex(m[1].decode()) in begun)
    return b"".join(line + b"\n" for line in lines)


def with_keys(capture: Capture, keys: bytes) -> bytes:
    """The capture as pcapng, its TLS secrets before the first packet."""
    digits = struct.pack("<HHB3xHH", _TIME_RESOLUTION, 1, capture.digits, 0, 0)
    parts = [
        _block(_SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)),
        _block(_INTERFACE, struct.pack("<HHI", capture.link, 0, capture.longest) + digits),
    ]
    if keys:
        parts.append(_block(_SECRETS, struct.pack("<II", _TLS_KEY_LOG, len(keys)) + keys))
    for packet in capture.packets:
        high, low = divmod(packet.time, 2**32)
        head = struct.pack("<IIIII", 0, high, low, len(packet.data), packet.length)
        parts.append(_block(_PACKET, head + packet.data))
    return b"".join(parts)


def _block(kind: int, body: bytes) -> bytes:
    """A block: its type, its length, its body up to a multiple of four octets, its length."""
    body += bytes(-len(body) % 4)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length
