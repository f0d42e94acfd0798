"""Names of people as they are shown: any script, but nothing that moves what stands around it.

Pure (Unicode Standard Annexes 9 and 11; Unicode Technical Report 36, section 3.2).
"""

from __future__ import annotations

import unicodedata

_MARKS = 4  # combining marks on one character: the scripts of the world have no more
_JOINERS = "\u200c\u200d"  # part of the spelling in Persian and in Indic scripts
_ISOLATE, _END = "\u2068", "\u2069"


def safe(text: str, length: int = 40) -> str:
    """A name that can stand in a line of a terminal or a table.

    Controls, overrides of direction and other invisible characters are shown as U+FFFD, heaps
    of combining marks are cut, and what is written from right to left is kept to itself.
    """
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text):
        mark = bool(unicodedata.combining(character))
        marks = marks + 1 if mark else 0
        if mark and not kept:
            kept.append("\N{DOTTED CIRCLE}")
        if marks <= _MARKS:
            kept.append(_visible(character))
    shown = "".join(kept)
    shown = shown if width(shown) <= length else _cut(shown, length - 1) + "…"
    return f"{_ISOLATE}{shown}{_END}" if _turns(shown) else shown


def _visible(character: str) -> str:
    if character in _JOINERS or character.isprintable():
        return character
    return " " if character == "\t" else "\N{REPLACEMENT CHARACTER}"


def _turns(text: str) -> bool:
    """Whether anything in it is written from right to left."""
    return any(unicodedata.bidirectional(character) in ("R", "AL", "AN") for character in text)


def _cut(text: str, length: int) -> str:
    while width(text) > length:
        text = text[:-1]
    return text


def width(text: str) -> int:
    """The columns that a text takes on a terminal (Unicode Standard Annex 11)."""
    if text.isascii():
        return len(text)
    return sum(map(_columns, text))


def _columns(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
