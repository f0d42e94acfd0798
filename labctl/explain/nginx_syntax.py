"""nginx's configuration language, read far enough to say which lines decide something.

Directives with their files and lines, includes followed (nginx.org: "Configuration file's
structure"). Nothing is judged here: that is for ``nginx -t``.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MAX_INCLUDES = 10
MAX_DEPTH = 50
_SPECIAL = "{};"


class SyntaxRefused(ValueError):
    """Text that nginx would not take: the message says where and why."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word or one of ``{ } ;``, and the line where it begins; quoted words are never special."""

    text: str
    line: int
    quoted: bool = False

    @property
    def special(self) -> bool:
        """Whether this is punctuation."""
        return not self.quoted and self.text in _SPECIAL


@dataclass(slots=True)
class Directive:
    """One directive: its words, where it stands, and what is in its block (None without one)."""

    words: tuple[str, ...]
    file: str
    line: int
    block: list[Directive] | None = None

    @property
    def name(self) -> str:
        """The first word."""
        return self.words[0] if self.words else ""

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words after the first."""
        return self.words[1:]

    def all(self, name: str) -> Iterator[Directive]:
        """The directives of this name directly in the block."""
        return (inner for inner in self.block or () if inner.name == name)

    def first(self, name: str) -> Directive | None:
        """The first of them, or None."""
        return next(self.all(name), None)


def tokens(text: str, file: str = "") -> Iterator[Token]:
    """The tokens of a text; SyntaxRefused where a quote is not closed."""
    scanner = _Scanner(text, file)
    while (token := scanner.next()) is not None:
        yield token


@dataclass(slots=True)
class _Scanner:
    text: str
    file: str
    place: int = 0
    line: int = 1

    def next(self) -> Token | None:
        self.skip()
        if self.place >= len(self.text):
            return None
        character, line = self.text[self.place], self.line
        if character in _SPECIAL:
            self.place += 1
            return Token(character, line)
        if character in "\"'":
            return Token(self.quoted(character), line, quoted=True)
        return Token(self.word(), line)

    def step(self) -> str:
        character = self.text[self.place]
        self.line += character == "\n"
        self.place += 1
        return character

    def skip(self) -> None:
        """Pass white space and comments."""
        while self.place < len(self.text):
            if self.text[self.place] == "#":
                while self.place < len(self.text) and self.text[self.place] != "\n":
                    self.place += 1
            elif self.text[self.place].isspace():
                self.step()
            else:
                return

    def quoted(self, quote: str) -> str:
        start = self.line
        self.step()
        found: list[str] = []
        while self.place < len(self.text):
            character = self.step()
            if character == quote:
                return "".join(found)
            if character == "\\" and self.text[self.place : self.place + 1] in ("\\", quote):
                character = self.step()
            found.append(character)
        raise SyntaxRefused(f"{self.file}:{start}: a quote is not closed")

    def word(self) -> str:
        """A plain word: ``${name}`` and an escaped character do not end it."""
        found: list[str] = []
        while self.place < len(self.text):
            character = self.text[self.place]
            variable = found[-1:] == ["$"] and character == "{"
            if character.isspace() or (character in _SPECIAL and not variable):
                break
            found.append(self.step())
            if found[-2:] == ["$", "{"]:
                found += self.variable()
            elif character == "\\" and self.place < len(self.text):
                found.append(self.step())
        return "".join(found)

    def variable(self) -> list[str]:
        found: list[str] = []
        while self.place < len(self.text) and found[-1:] != ["}"]:
            found.append(self.step())
        return found


@dataclass(slots=True)
class _Open:
    """A block that is being read."""

    block: list[Directive]
    words: list[str] = field(default_factory=list)
    line: int = 0


def parse(files: Mapping[str, str], file: str, depth: int = 0) -> list[Directive]:
    """The directives of ``file``, with those of the files that it includes in their place.

    ``files`` are texts by absolute path; an include of others (Debian's own) is left out.
    SyntaxRefused where braces, quotes or semicolons are wrong.
    """
    stack = [_Open([])]
    for token in tokens(files[file], file):
        top = stack[-1]
        if not token.special:
            top.line = top.line if top.words else token.line
            top.words.append(token.text)
        elif token.text == ";":
            top.block += _ended(files, Directive(tuple(top.words), file, top.line), depth)
            top.words.clear()
        elif token.text == "{":
            stack.append(_opened(top, file, len(stack)))
        elif len(stack) == 1 or top.words:
            raise SyntaxRefused(f"{file}:{token.line}: a brace too many, or a missing semicolon")
        else:
            stack.pop()
    if len(stack) > 1 or stack[0].words:
        raise SyntaxRefused(f"{file}: the file ends within a block or a directive")
    return stack[0].block


def _opened(outer: _Open, file: str, depth: int) -> _Open:
    """The block of the directive that has been read so far."""
    if depth > MAX_DEPTH:
        raise SyntaxRefused(f"{file}:{outer.line}: blocks nested too deep")
    block: list[Directive] = []
    outer.block.append(Directive(tuple(outer.words), file, outer.line, block))
    outer.words.clear()
    return _Open(block)


def _ended(files: Mapping[str, str], directive: Directive, depth: int) -> list[Directive]:
    """The directive, or for an include what it includes, in the order of the file names."""
    if directive.name != "include" or len(directive.words) != 2:
        return [directive]
    if depth >= MAX_INCLUDES:
        raise SyntaxRefused(f"{directive.file}:{directive.line}: includes nested too deep")
    named = sorted(path for path in files if fnmatch.fnmatchcase(path, directive.words[1]))
    return [found for path in named for found in parse(files, path, depth + 1)]
