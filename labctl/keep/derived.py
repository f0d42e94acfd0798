"""Passwords and tokens, each derived from the lab's one kept secret and its own name."""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterable, Mapping

from labctl.keep.files import SECRET, Files
from labctl.model import Want

# Without i, l, o, 0 and 1, which people confuse: 12 of 31 characters are 59 bits.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
PASSWORD_LENGTH = 12
TOKEN_LENGTH = 32


def current(
    files: Files, wants: Iterable[Want], secret: bytes = b""
) -> tuple[Mapping[str, str], list[str]]:
    """A password or token for each want, the same in every run, and what was made.

    They are derived from ``secret``, else from the one that is kept.
    """
    wanted = tuple(wants)
    if not wanted:
        return {}, []
    notices: list[str] = []
    if not secret:
        secret, notices = kept(files)
    return {want.name: derive(secret, want) for want in wanted}, notices


def kept(files: Files) -> tuple[bytes, list[str]]:
    """The kept secret, and that it was made, where it was."""
    found: str | None = files.read(SECRET)
    if found is not None:
        return bytes.fromhex(found), []
    found = os.urandom(32).hex()
    files.save(SECRET, found)
    notice = "secret made (new): all passwords and tokens are derived from it"
    return bytes.fromhex(found), [notice]


def of_seat(secret: bytes, student: str, turn: int = 0) -> bytes:
    """The secret of one student's sandbox, from that of the class (RFC 2104).

    ``turn`` is how many other people had that id before.
    """
    again = f"\0{turn}" if turn else ""
    return hmac.digest(secret, f"sandbox\0{student}{again}".encode(), "sha256")


def derive(secret: bytes, want: Want) -> str:
    """The want's password, easy to read and type, or its token in hexadecimal (128 bits)."""
    digest = hmac.digest(secret, f"{want.kind}\0{want.name}".encode(), "sha256")
    return digest.hex()[:TOKEN_LENGTH] if want.kind == "token" else _readable(digest)


def _readable(digest: bytes) -> str:
    number, letters = int.from_bytes(digest, "big"), []
    for _ in range(PASSWORD_LENGTH):
        number, place = divmod(number, len(ALPHABET))
        letters.append(ALPHABET[place])
    return "".join(letters)
