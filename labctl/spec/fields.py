"""Field types of the lab file: what a value may be, in words, and as JSON Schema.

A dataclass describes a mapping: each field is ``Annotated[type, Type(...), Doc("...")]``. From
that one description come the reader (``labctl.spec.reader``), the JSON Schema and the lab
file's reference.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from labctl.spec.names import host_label_problem, mail_local_problem


class Wrong(Exception):
    """A value that its type does not take: what is wrong, and what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Doc:
    """What a field means, for the reference and the schema."""

    text: str


class Type:
    """A scalar type. ``read`` makes the value of the text, or raises Wrong."""

    def read(self, text: str) -> Any:
        """The value of a text."""
        raise NotImplementedError

    def schema(self) -> dict[str, Any]:
        """The type as JSON Schema (draft 2020-12)."""
        return {"type": "string"}

    def words(self) -> str:
        """The type in a few words."""
        raise NotImplementedError


@dataclass(frozen=True)
class Text(Type):
    """One line of text."""

    max_length: int = 200
    pattern: str | None = None
    hint: str = ""

    def read(self, text: str) -> str:
        if len(text.splitlines()) > 1 or text.endswith("\n"):
            raise Wrong("one line is expected, not several")
        if len(text) > self.max_length:
            raise Wrong(f"{len(text)} characters; at most {self.max_length} fit")
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise Wrong(f"{quoted(text)} does not match {self.pattern}", self.hint)
        return text

    def schema(self) -> dict[str, Any]:
        limits: dict[str, Any] = {"type": ["string", "number", "boolean"]}
        if self.pattern:
            limits |= {"type": "string", "pattern": f"^(?:{self.pattern})$"}
        return limits | {"maxLength": self.max_length}

    def words(self) -> str:
        return "text"


@dataclass(frozen=True)
class _Pattern(Type):
    """Text of one form; subclasses name it."""

    form = ""
    name = ""
    hint = ""
    max_length = 200

    def read(self, text: str) -> str:
        if len(text) > self.max_length or not re.fullmatch(self.form, text):
            raise Wrong(f"{quoted(text)} is not {self.name}", self.hint)
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "pattern": f"^(?:{self.form})$", "maxLength": self.max_length}

    def words(self) -> str:
        return self.name


@dataclass(frozen=True)
class Name(_Pattern):
    """A name of something in the lab: also a DNS label, a file name and a daemon's name."""

    form = r"[a-z](?:[a-z0-9]|-(?=[a-z0-9]))*"
    name = "a name"
    hint = "lower-case letters, digits and single hyphens, a letter first, at most 31 characters"
    max_length = 31


@dataclass(frozen=True)
class Kind(Name):
    """The name of a kind of service."""

    name = "a kind"


@dataclass(frozen=True)
class Domain(_Pattern):
    """The lab's domain, below a top-level domain that the Internet never delegates.

    RFC 6761 (test, example), RFC 8375 (home.arpa), ICANN 2024 (internal).
    """

    form = r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:test|example|internal|home\.arpa)"
    name = "a domain for a lab"
    hint = "below .test, .example, .internal or .home.arpa, which nobody owns on the Internet"
    max_length = 100


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


@dataclass(frozen=True)
class Package(_Pattern):
    """The name of a Debian package (Debian policy 5.6.7)."""

    form = r"[a-z0-9][a-z0-9+.\-]+"
    name = "a Debian package name"
    hint = "lower-case letters, digits, and + - ."
    max_length = 80


@dataclass(frozen=True)
class Entry(_Pattern):
    """A Python module and a name in it, as gunicorn takes them."""

    form = r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*"
    name = "a module and a callable"
    hint = "for example app:app"


@dataclass(frozen=True)
class Variable(_Pattern):
    """The name of an environment variable (POSIX 8.1)."""

    form = r"[A-Za-z_][A-Za-z0-9_]*"
    name = "the name of an environment variable"
    hint = "letters, digits and _, no digit first"


@dataclass(frozen=True)
class Integer(Type):
    """A whole number between two bounds, both included."""

    low: int
    high: int
    noun: str = ""
    hint: str = ""

    def read(self, text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise Wrong(f"{quoted(text)} is not a whole number", self.hint)
        value = int(text)
        if not self.low <= value <= self.high:
            noun = f"a {self.noun}" if self.noun else "allowed"
            raise Wrong(f"{value} is not {noun} ({self.low}–{self.high})", self.hint)
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}

    def words(self) -> str:
        return f"whole number, {self.low}–{self.high}"


def Port(hint: str = "") -> Integer:  # noqa: N802 (named as the types beside it)
    """A TCP or UDP port number."""
    return Integer(1, 65535, "port", hint)


@dataclass(frozen=True)
class Choice(Type):
    """One of a few words."""

    values: tuple[str, ...]

    def __init__(self, *values: str) -> None:
        object.__setattr__(self, "values", values)

    def read(self, text: str) -> str:
        if text not in self.values:
            raise Wrong(f"{quoted(text)} is not one of {', '.join(self.values)}")
        return text

    def schema(self) -> dict[str, Any]:
        return {"enum": list(self.values)}

    def words(self) -> str:
        return " or ".join(f"`{value}`" for value in self.values)


@dataclass(frozen=True)
class Switch(Type):
    """Yes or no."""

    def read(self, text: str) -> bool:
        if text.lower() in ("true", "yes", "on"):
            return True
        if text.lower() in ("false", "no", "off"):
            return False
        raise Wrong(f"{quoted(text)} is neither true nor false")

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}

    def words(self) -> str:
        return "`true` or `false`"


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


def quoted(text: str) -> str:
    """A value in a message: quoted, printable and short."""
    from labctl.spec.problems import shown

    return f"'{shown(text)}'"
