"""DNSSEC keys as text: DNSKEY and DS records, key tags, and the key files that BIND reads.

A lab's zones are each signed by one combined signing key, ECDSA P-256 with SHA-256. The key is
an input (``labctl.model.Key``): everything here is computed from it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from labctl.model import Key

FLAGS = 257  # zone key and secure entry point (RFC 4034 section 2.1.1)
PROTOCOL = 3  # the only one (RFC 4034 section 2.1.2)
ALGORITHM = 13  # ECDSAP256SHA256 (RFC 6605 section 2)
DIGEST = 2  # SHA-256 (RFC 4509 section 2.1)

# When a key was made, published and put to use. Long ago, so that BIND takes every record of
# the key as known to all caches and starts no roll-over, and always the same, so that the files
# are too.
SINCE = "20240101000000"
TIMES = ("Created", "Publish", "Activate", "SyncPublish")


@dataclass(frozen=True, slots=True)
class ZoneKey:
    """The key that signs one zone; ``zone`` is its name without the final dot."""

    zone: str
    key: Key

    @property
    def rdata(self) -> bytes:
        """The DNSKEY record's data in wire form (RFC 4034 section 2.1)."""
        head = FLAGS.to_bytes(2, "big") + bytes((PROTOCOL, ALGORITHM))
        return head + base64.b64decode(self.key.public)

    @property
    def tag(self) -> int:
        """The key tag (RFC 4034 appendix B)."""
        data = self.rdata
        total = sum(byte << 8 if i % 2 == 0 else byte for i, byte in enumerate(data))
        return (total + (total >> 16)) & 0xFFFF

    @property
    def dnskey(self) -> str:
        """The DNSKEY record's data in presentation form (RFC 4034 section 2.2)."""
        return f"{FLAGS} {PROTOCOL} {ALGORITHM} {self.key.public}"

    @property
    def ds(self) -> str:
        """The DS record's data that a parent zone would hold (RFC 4034 section 5.3)."""
        digest = hashlib.sha256(wire_name(self.zone) + self.rdata).hexdigest().upper()
        return f"{self.tag} {ALGORITHM} {DIGEST} {digest}"

    @property
    def bind_anchor(self) -> str:
        """An entry of BIND's ``trust-anchors``, as ``delv -a`` reads it."""
        return f'"{self.zone}." static-key {FLAGS} {PROTOCOL} {ALGORITHM} "{self.key.public}";'

    @property
    def file_stem(self) -> str:
        """The name that BIND's key files share, without their extension."""
        return f"K{self.zone}.+{ALGORITHM:03}+{self.tag:05}"

    def files(self) -> Mapping[str, str]:
        """BIND's key files by name: public key, private key, and state.

        The state says that the key signs, and that everybody knows it already: with it BIND's
        ``dnssec-policy`` takes this key as the one it wants, and makes none of its own.
        """
        return {
            f"{self.file_stem}.key": self._public_file(),
            f"{self.file_stem}.private": self._private_file(),
            f"{self.file_stem}.state": self._state_file(),
        }

    def _public_file(self) -> str:
        return (
            f"; This is a key-signing key, keyid {self.tag}, for {self.zone}.\n"
            + "".join(f"; {name}: {SINCE}\n" for name in TIMES)
            + f"{self.zone}. 300 IN DNSKEY {self.dnskey}\n"
        )

    def _private_file(self) -> str:
        return (
            "Private-key-format: v1.3\n"
            f"Algorithm: {ALGORITHM} (ECDSAP256SHA256)\n"
            f"PrivateKey: {self.key.private}\n" + "".join(f"{name}: {SINCE}\n" for name in TIMES)
        )

    def _state_file(self) -> str:
        lines = [
            f"; This is the state of key {self.tag}, for {self.zone}.",
            f"Algorithm: {ALGORITHM}",
            "Length: 256",
            "Lifetime: 0",
            "KSK: yes",
            "ZSK: yes",
            *(f"{name}: {SINCE}" for name in ("Generated", "Published", "Active", "PublishCDS")),
            *(f"{name}Change: {SINCE}" for name in ("DNSKEY", "ZRRSIG", "KRRSIG", "DS")),
            *(f"{name}State: omnipresent" for name in ("DNSKEY", "ZRRSIG", "KRRSIG", "DS")),
            "GoalState: omnipresent",
        ]
        return "\n".join(lines) + "\n"


def wire_name(name: str) -> bytes:
    """A domain name in canonical wire form (RFC 4034 section 6.2), lower case."""
    labels = [label.encode("ascii") for label in name.lower().rstrip(".").split(".") if label]
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"
