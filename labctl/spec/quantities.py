"""Types of the lab file for amounts: memory, disk, rates, processors, addresses."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from labctl.spec.scalars import Type, Wrong, quoted


@dataclass(frozen=True)
class Memory(Type):
    """An amount of memory: a number and K, M or G (powers of 1024)."""

    def read(self, text: str) -> int:
        match = re.fullmatch(r"([0-9]{1,6})\s?([KMG])i?B?", text, re.IGNORECASE)
        if not match:
            raise Wrong(f"{quoted(text)} is not an amount of memory", "for example 128M")
        value = int(match[1]) << 10 * "_KMG".index(match[2].upper())
        if value < 16 * 2**20:
            raise Wrong(f"{quoted(text)} is too little", "a machine needs at least 16M")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[0-9]{1,6} ?[KMGkmg]i?[Bb]?$"}

    def words(self) -> str:
        return "amount of memory, for example `128M`"


@dataclass(frozen=True)
class Disk(Memory):
    """An amount of disk, written as one of memory."""

    def read(self, text: str) -> int:
        try:
            return super().read(text)
        except Wrong as wrong:
            raise Wrong(
                wrong.message.replace("memory", "disk"), "from 16M on, for example 64M"
            ) from None

    def words(self) -> str:
        return "amount of disk, for example `64M`"


@dataclass(frozen=True)
class Rate(Type):
    """A rate of data: a number and K, M or G (powers of 1000), in bits per second."""

    def read(self, text: str) -> int:
        match = re.fullmatch(r"([0-9]{1,6})\s?([KMG])(?:bit(?:/s)?)?", text, re.IGNORECASE)
        if not match:
            raise Wrong(f"{quoted(text)} is not a rate of bits per second", "for example 10M")
        value = int(match[1]) * {"K": 10**3, "M": 10**6, "G": 10**9}[match[2].upper()]
        if not 10**5 <= value <= 10**11:
            raise Wrong(f"{quoted(text)} is no rate that can be kept", "from 100K to 100G")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": "^[0-9]{1,6} ?[KMGkmg](?:[Bb]it(?:/s)?)?$"}

    def words(self) -> str:
        return "bits per second, for example `10M`"


@dataclass(frozen=True)
class Cpus(Type):
    """A share of processors, in processors."""

    def read(self, text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{1,2})?", text) or not float(text) >= 0.05:
            raise Wrong(f"{quoted(text)} is not a number of processors", "for example 0.5")
        return float(text)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": 0.05}

    def words(self) -> str:
        return "number of processors, for example `0.5`"


@dataclass(frozen=True)
class Subnet(Type):
    """An IPv4 subnet for a lab's network, in CIDR form, with room for at least 14 hosts."""

    def read(self, text: str) -> str:
        try:
            network = ipaddress.IPv4Network(text)
        except ValueError:
            raise Wrong(f"{quoted(text)} is not an IPv4 subnet", _like_subnet(text)) from None
        if not 16 <= network.prefixlen <= 28:
            raise Wrong(f"a /{network.prefixlen} does not suit a lab", "from /16 to /28")
        if not any(network.subnet_of(allowed) for allowed in LAB_RANGES):
            raise Wrong(
                f"{text} is not reserved for laboratories or private networks",
                "inside 198.18.0.0/15, 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
            )
        return text

    def words(self) -> str:
        return "IPv4 subnet, for example `198.18.7.0/24`"


def _like_subnet(text: str) -> str:
    """A hint: the subnet that an address with a prefix lies in, or an example."""
    try:
        return f"the subnet of this address is {ipaddress.IPv4Network(text, strict=False)}"
    except ValueError:
        return "for example 198.18.7.0/24"


LAB_RANGES = tuple(
    ipaddress.IPv4Network(text)
    for text in ("198.18.0.0/15", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
)
