"""Field types of the lab file: what a value may be, in words, and as JSON Schema.

A dataclass describes a mapping: each field is ``Annotated[type, Type(...), Doc("...")]``. From
that one description come the reader (``labctl.spec.reader``), the JSON Schema and the lab
file's reference. Here are the types for names and places, and those of the two modules beside.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from labctl.edge import is_edge
from labctl.spec.names import host_label_problem, mail_local_problem
from labctl.spec.quantities import Cpus, Disk, Memory, Rate, Subnet
from labctl.spec.scalars import (
    Choice,
    Doc,
    Integer,
    Pattern,
    Port,
    Switch,
    Text,
    Type,
    Wrong,
    quoted,
)

__all__ = [
    "Choice",
    "Content",
    "ContentFile",
    "Cpus",
    "Disk",
    "Doc",
    "Domain",
    "Entry",
    "HostLabel",
    "Integer",
    "Kind",
    "LabName",
    "MailAddress",
    "MailLocal",
    "Many",
    "Memory",
    "Name",
    "Package",
    "Port",
    "Rate",
    "RecordType",
    "Subnet",
    "Switch",
    "Table",
    "Text",
    "Type",
    "Variable",
    "Wrong",
]


@dataclass(frozen=True)
class Name(Pattern):
    """A name of something in the lab: also a DNS label, a file name and a daemon's name."""

    form = r"[a-z](?:[a-z0-9]|-(?=[a-z0-9]))*"
    name = "a name"
    hint = "lower-case letters, digits and single hyphens, a letter first, at most 31 characters"
    max_length = 31


@dataclass(frozen=True)
class LabName(Name):
    """The name of a lab: not one that means something else beside labs."""

    def read(self, text: str) -> str:
        if is_edge(text) or text == "classes":
            raise Wrong(f"no lab can be called '{text}'", "labctl itself uses that name")
        return super().read(text)


@dataclass(frozen=True)
class Kind(Name):
    """The name of a kind of service."""

    name = "a kind"


@dataclass(frozen=True)
class Domain(Pattern):
    """The lab's domain, below a top-level domain that the Internet never delegates.

    RFC 6761 (test, example), RFC 8375 (home.arpa), ICANN 2024 (internal).
    """

    form = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:test|example|internal|home\.arpa)"
    name = "a domain for a lab"
    hint = "below .test, .example, .internal or .home.arpa, which nobody owns on the Internet"
    max_length = 100


@dataclass(frozen=True)
class Package(Pattern):
    """The name of a Debian package (Debian policy 5.6.7)."""

    form = r"[a-z0-9][a-z0-9+.\-]+"
    name = "a Debian package name"
    hint = "lower-case letters, digits, and + - ."
    max_length = 80


@dataclass(frozen=True)
class Entry(Pattern):
    """A Python module and a name in it, as gunicorn takes them."""

    form = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"
    name = "a module and a callable"
    hint = "for example app:app"


@dataclass(frozen=True)
class Variable(Pattern):
    """The name of an environment variable (POSIX 8.1)."""

    form = r"[A-Za-z_][A-Za-z0-9_]*"
    name = "the name of an environment variable"
    hint = "letters, digits and _, no digit first"


@dataclass(frozen=True)
class Content(Type):
    """A folder beside the lab file, or below it."""

    folder = True

    def read(self, text: str) -> str:
        parts = text.rstrip("/").split("/")
        if text.startswith(("/", "~")):
            raise Wrong(f"{quoted(text)} is an absolute path", "give it relative to the lab file")
        if ".." in parts:
            raise Wrong(
                f"{quoted(text)} leads out of the lab's folder", "content lies beside the lab file"
            )
        if set(parts) == {"."}:
            raise Wrong("this is the lab's own folder", "put the content into a folder below it")
        if not all(re.fullmatch(r"[\w.+@][\w.+@ \-]*", part) for part in parts):
            raise Wrong(
                f"{quoted(text)} is not a path that labctl takes",
                "letters, digits and . _ - + @ in each part",
            )
        return "/".join(part for part in parts if part != ".")

    def words(self) -> str:
        return "folder beside the lab file" if self.folder else "file beside the lab file"


@dataclass(frozen=True)
class ContentFile(Content):
    """A file beside the lab file, or below it."""

    folder = False


@dataclass(frozen=True)
class HostLabel(Type):
    """A host name relative to the lab's domain, or ``@`` for the domain itself.

    Names of any script are taken and become their ASCII form (RFC 5891).
    """

    def read(self, text: str) -> str:
        name, problem = host_label_problem(text)
        if problem:
            raise Wrong(
                f"{quoted(text)} is not a host name: {problem}",
                "letters, digits and hyphens in each label, relative to the domain",
            )
        return name

    def words(self) -> str:
        return "host name relative to the domain, or `@`"


@dataclass(frozen=True)
class MailLocal(Type):
    """The local part of a mail address (RFC 5321 section 4.1.2, dot-string, lower case)."""

    def read(self, text: str) -> str:
        problem = mail_local_problem(text)
        if problem:
            raise Wrong(
                f"{quoted(text)} is not the local part of a mail address: {problem}",
                "what stands before the @, for example alice",
            )
        return text

    def words(self) -> str:
        return "local part of a mail address"


@dataclass(frozen=True)
class MailAddress(Type):
    """A mail address, or only its local part."""

    def read(self, text: str) -> str:
        local, at, domain = text.partition("@")
        problem = mail_local_problem(local) if local else "nothing stands before the @"
        if not problem and at:
            _, problem = host_label_problem(domain, absolute=True)
        if problem:
            raise Wrong(
                f"{quoted(text)} is not a mail address: {problem}",
                "for example alice, or alice@lab1.test",
            )
        return text

    def words(self) -> str:
        return "mail address, or its local part"


def RecordType() -> Choice:  # noqa: N802 (named as the types beside it)
    """A DNS record type that a lab may add by hand."""
    return Choice("A", "AAAA", "CAA", "CNAME", "MX", "NS", "SRV", "TXT")


@dataclass(frozen=True)
class Many:
    """A list of one type; a single value may stand without its list."""

    item: Any


@dataclass(frozen=True)
class Table:
    """A mapping from one type to another."""

    key: Type
    item: Any
