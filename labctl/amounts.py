"""Amounts as people write and read them. Pure."""

from __future__ import annotations


def amount(limit: str, value: float) -> str:
    """A limit as people say it: 256M, 0.5, 10 Mbit/s."""
    if limit in ("memory", "disk"):
        return size(int(value)) if value else "without limit"
    if limit == "bandwidth":
        return rate(int(value)) if value else "without limit"
    return f"{value:g}"


def size(octets: int) -> str:
    """Bytes as people say them, in powers of 1024."""
    for unit, name in ((2**30, "G"), (2**20, "M"), (2**10, "K")):
        if octets >= unit:
            return f"{octets / unit:.4g}{name}"
    return f"{octets}B"


def rate(bits: int) -> str:
    """Bits per second as people say them, in powers of 1000."""
    units = ((10**9, "G"), (10**6, "M"), (10**3, "k"), (1, ""))
    unit, name = next(pair for pair in units if bits >= pair[0])
    return f"{bits / unit:g} {name}bit/s"
