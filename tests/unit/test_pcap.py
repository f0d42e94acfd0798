"""Captures and the keys in them: what comes out is what a reader of pcapng finds."""

from __future__ import annotations

import struct

import pytest

from labctl import pcap

RANDOM = bytes(range(32))
HELLO = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + RANDOM
KEYS = f"CLIENT_TRAFFIC_SECRET_0 {RANDOM.hex()} {'ab' * 48}\n".encode()
OTHERS = f"CLIENT_TRAFFIC_SECRET_0 {'77' * 32} {'ab' * 48}\n".encode()


def capture(*packets: bytes, order: str = "<", magic: int = 0xA1B2C3D4) -> bytes:
    """A capture of Linux's cooked packets."""
    head = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 262144, 276)
    record = f"{order}IIII"
    return head + b"".join(
        struct.pack(record, 1000 + n, 5, len(one), len(one) + 10) + one
        for n, one in enumerate(packets)
    )


def blocks(data: bytes) -> list[tuple[int, bytes]]:
    """Type and body of each block; both lengths of each have to agree."""
    found = []
    while data:
        kind, length = struct.unpack("<II", data[:8])
        assert length % 4 == 0
        assert struct.unpack("<I", data[length - 4 : length]) == (length,)
        found.append((kind, data[8 : length - 4]))
        data = data[length:]
    return found


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "digits"), [(0xA1B2C3D4, 6), (0xA1B23C4D, 9)])
def test_a_capture_is_read_in_every_form(order: str, magic: int, digits: int) -> None:
    found = pcap.read(capture(b"one", b"three", order=order, magic=magic))
    assert (found.link, found.longest, found.digits) == (276, 262144, digits)
    assert found.packets == (
        pcap.Packet(1000 * 10**digits + 5, b"one", 13),
        pcap.Packet(1001 * 10**digits + 5, b"three", 15),
    )


@pytest.mark.parametrize("cut", [1, 3, 16, 18])
def test_a_capture_that_is_cut_off_ends_before_the_cut(cut: int) -> None:
    found = pcap.read(capture(b"one", b"two")[:-cut])
    assert [packet.data for packet in found.packets] == [b"one"]


@pytest.mark.parametrize("data", [b"", b"\n\r\r\n" + bytes(40), capture()[:20], b"PK\3\4" * 9])
def test_what_is_no_capture_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(ValueError, match="no capture"):
        pcap.read(data)


def test_only_keys_of_the_captures_own_connections_are_taken() -> None:
    found = pcap.read(capture(b"TCP's own " + HELLO + b" !"))
    hostile = b"\x1b[31m CLIENT_RANDOM zz\n" + KEYS.replace(b" ", b"  ") + b"# comment\n\xff\n"
    assert pcap.keys_of(found, OTHERS + hostile + KEYS + KEYS) == KEYS
    for other in (b"else", RANDOM, HELLO[:-1], b"in a page: " + RANDOM):
        assert pcap.keys_of(pcap.read(capture(other)), KEYS) == b""


def test_the_secrets_stand_before_the_packets() -> None:
    data = pcap.with_keys(pcap.read(capture(b"12345", b"")), KEYS)
    kinds, bodies = zip(*blocks(data), strict=True)
    assert kinds == (0x0A0D0D0A, 1, 0x0A, 6, 6)
    assert bodies[0][:4] == b"\x4d\x3c\x2b\x1a"
    assert struct.unpack("<HHI", bodies[1][:8]) == (276, 0, 262144)
    assert bodies[2][:8] == b"KSLT" + struct.pack("<I", len(KEYS))
    assert bodies[2][8:].rstrip(b"\0") == KEYS
    number, high, low, kept, length = struct.unpack("<IIIII", bodies[3][:20])
    assert (number, high * 2**32 + low, kept, length) == (0, 1_000_000_005, 5, 15)
    assert bodies[3][20:] == b"12345\0\0\0"


def test_without_keys_there_is_no_block_for_them() -> None:
    assert [kind for kind, _ in blocks(pcap.with_keys(pcap.read(capture()), b""))] == [
        0x0A0D0D0A, 1,
    ]  # fmt: skip
