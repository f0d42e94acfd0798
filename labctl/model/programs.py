"""What runs on a machine, and the files that it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Probe:
    """How a daemon shows, in its own protocol, that it answers.

    ``address`` is a port number, or the path of a unix socket. ``send`` is written after
    connecting, and the answer must match the regular expression ``expect``.
    """

    address: int | str
    expect: str
    send: bytes = b""
    transport: Literal["tcp", "udp", "tls"] = "tcp"


@dataclass(frozen=True, slots=True)
class Daemon:
    """A program that the machine's init keeps running.

    ``prepare`` are commands run before each start. A changed file below one of ``watches``
    is first shown to ``test`` (empty: no test), then made live by ``reload``; an empty
    ``reload``, or a file below ``restarts``, means a restart. One that runs ``on_demand`` is
    started by the first request to its service, and stopped when nobody has asked for a while.
    """

    name: str
    run: tuple[str, ...]
    user: str = "root"
    prepare: tuple[tuple[str, ...], ...] = ()
    test: tuple[str, ...] = ()
    reload: tuple[str, ...] = ()
    watches: tuple[str, ...] = ()
    restarts: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: str = "/"
    stop_signal: Literal["TERM", "INT", "QUIT", "KILL"] = "TERM"
    ready: Probe | None = None
    on_demand: bool = False


@dataclass(frozen=True, slots=True)
class Libraries:
    """Libraries of one application that are not Debian's: fetched on the host, never by a machine.

    ``tool`` fetches them, ``files`` pin them by name and content: each library with its version
    and its hash. ``path`` is the directory of the machine's image where they are.
    """

    tool: Literal["pip", "npm"]
    path: str
    files: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class Extra:
    """What an image has beside Debian packages.

    ``root`` is a container image that takes the place of labctl's base.
    """

    libraries: frozenset[Libraries] = frozenset()
    root: str = ""


@dataclass(frozen=True, slots=True)
class Template:
    """A file's text as a Jinja template below ``templates/`` and the names it may use."""

    name: str
    context: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class File:
    """One file of a machine: absolute path, content, owner and where it comes from.

    ``source`` is what a person would edit to change it: ``stacks/lab1/lab.yml:12`` or the
    path of a content file; it is shown with a daemon's complaint about this file.
    """

    path: str
    content: bytes | Template
    mode: int = 0o644
    owner: str = "root"
    group: str = "root"
    source: str = ""
