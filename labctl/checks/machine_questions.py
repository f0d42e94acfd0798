"""Questions that every machine can ask, or that are about one (see ``labctl.checks.questions``)."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import Annotated, ClassVar

from labctl.checks.values import (
    ERROR,
    FLAG,
    MILLISECONDS,
    NUMBER,
    TEXT,
    TEXTS,
    AbsolutePath,
    Complaints,
    Host,
    Passage,
    Sees,
)
from labctl.spec.fields import Doc, Integer, Many, Port, Switch, Text


@dataclass(frozen=True, slots=True)
class Tcp:
    """A TCP connection, in any protocol (RFC 9293); every machine can ask this."""

    SEES: ClassVar[Sees] = {
        "connected": (FLAG, "whether the connection was opened"),
        "state": (TEXT, "connected, refused, unreachable or timed out"),
        "reply": (TEXT, "what the server said"),
        **MILLISECONDS,
        **ERROR,
    }

    host: Annotated[str, Host(), Doc("host")]
    port: Annotated[int, Port(), Doc("port")]
    send: Annotated[str, Passage(), Doc("what to send")] = ""
    until: Annotated[
        str, Text(200), Doc("read on until this text comes; what comes first, with `read`")
    ] = ""
    read: Annotated[bool, Switch(), Doc("read what the server says")] = False


@dataclass(frozen=True, slots=True)
class Udp:
    """A UDP datagram and its answer (RFC 768); every machine can ask this."""

    SEES: ClassVar[Sees] = {
        "answered": (FLAG, "whether an answer came"),
        "state": (TEXT, "answered, refused, unreachable or timed out"),
        "reply": (TEXT, "the answer"),
        **MILLISECONDS,
        **ERROR,
    }

    host: Annotated[str, Host(), Doc("host")]
    port: Annotated[int, Port(), Doc("port")]
    send: Annotated[str, Passage(1400), Doc("what to send")]


@dataclass(frozen=True, slots=True)
class Command:
    """A command on a machine. A text is split into words, there is no shell."""

    SHORTHAND = "command"
    SEES: ClassVar[Sees] = {
        "status": (NUMBER, "exit status"),
        "output": (TEXT, "what it prints, errors included"),
        **MILLISECONDS,
        **ERROR,
    }

    command: Annotated[tuple[str, ...], Many(Passage(4000)), Doc("the program and its arguments")]
    input: Annotated[str, Passage(), Doc("what it reads")] = ""
    user: Annotated[str, Text(32, "[a-z_][a-z0-9_-]*"), Doc("who runs it")] = "root"

    def problems(self) -> Complaints:
        """No words, or a quotation that does not end."""
        try:
            empty = not any(self.words)
        except ValueError:
            yield "command", "a quotation does not end", "give the words as a list"
            return
        if empty:
            yield "command", "there is no program to run", "for example `nginx -t`"

    @property
    def words(self) -> tuple[str, ...]:
        """The program and its arguments; ValueError where a quotation does not end."""
        return tuple(shlex.split(self.command[0])) if len(self.command) == 1 else self.command


@dataclass(frozen=True, slots=True)
class File:
    """A file on a machine."""

    SHORTHAND = "path"
    SEES: ClassVar[Sees] = {
        "exists": (FLAG, "whether it is there"),
        "type": (TEXT, "file, directory, link or other"),
        "content": (TEXT, "what is in it, of which the first 64 KiB are looked at"),
        "size": (NUMBER, "its size in bytes"),
        "mode": (TEXT, "its permissions, for example 0644"),
        "owner": (TEXT, "who owns it"),
        "group": (TEXT, "its group"),
        "target": (TEXT, "where a link leads"),
        **ERROR,
    }

    path: Annotated[str, AbsolutePath(), Doc("the file")]


@dataclass(frozen=True, slots=True)
class Process:
    """Processes that run on a machine."""

    SHORTHAND = "name"
    SEES: ClassVar[Sees] = {
        "running": (FLAG, "whether there is one"),
        "count": (NUMBER, "how many there are"),
        "users": (TEXTS, "who runs them"),
        "commands": (TEXTS, "their command lines"),
        **ERROR,
    }

    name: Annotated[str, Text(64), Doc("the program's name, for example nginx")]
    holding: Annotated[str, Text(200), Doc("only those whose command line holds this")] = ""


@dataclass(frozen=True, slots=True)
class Log:
    """What the daemons of a machine have said lately (`labctl logs`)."""

    SEES: ClassVar[Sees] = {
        "lines": (TEXTS, "the lines, the latest last"),
        "count": (NUMBER, "how many there are"),
        **ERROR,
    }

    holding: Annotated[str, Text(200), Doc("only lines that hold this")] = ""
    lines: Annotated[int, Integer(1, 2000), Doc("of so many lines, the latest")] = 200
