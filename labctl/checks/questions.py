"""What each client of checks asks and sees, as a lab file or an exercise may say it.

A question is a dataclass of annotated fields, like all of a lab file: reader, reference and
JSON Schema come from it. Its docstring says what the client is; ``SEES`` what it sees. A
question may have ``problems()``: keys that do not go together, each with message and hint.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from labctl.checks.machine_questions import Command, File, Log, Process, Tcp, Udp
from labctl.checks.mail_questions import Imap, Pop3, Smtp
from labctl.checks.values import (
    ERROR,
    FLAG,
    HEADERS,
    MILLISECONDS,
    NUMBER,
    TEXT,
    TEXTS,
    HeaderName,
    Host,
    Passage,
    Sees,
    Url,
)
from labctl.spec.fields import Choice, Doc, Integer, Many, Name, Port, Switch, Table, Text


@dataclass(frozen=True, slots=True)
class Http:
    """HTTP, by curl (RFC 9110)."""

    SHORTHAND = "url"
    SEES: ClassVar[Sees] = {
        "status": (NUMBER, "status code, for example 200"),
        "header": (HEADERS, "header fields; upper and lower case are the same"),
        "body": (TEXT, "the body, of which the first 64 KiB are looked at"),
        "location": (TEXT, "where a redirect leads"),
        "type": (TEXT, "Content-Type"),
        "version": (TEXT, "version of HTTP, for example 2"),
        "url": (TEXT, "the URL that answered, with `follow` the last one"),
        **MILLISECONDS,
        **ERROR,
    }

    url: Annotated[str, Url("http", "https"), Doc("what is asked for")]
    method: Annotated[
        str, Text(20, "[A-Z]+"), Doc("method; GET, or POST where there is a body")
    ] = ""
    headers: Annotated[
        Mapping[str, str], Table(HeaderName(), Text(2000)), Doc("header fields to send")
    ] = field(default_factory=dict)
    body: Annotated[str, Passage(), Doc("what to send")] = ""
    size: Annotated[
        int, Integer(1, 8 * 2**20), Doc("bytes to send: the body, and spaces behind it")
    ] = 0
    follow: Annotated[bool, Switch(), Doc("follow redirects")] = False
    conditional: Annotated[
        bool, Switch(), Doc("ask a second time with the ETag of the first answer (If-None-Match)")
    ] = False
    connect: Annotated[str, Host(), Doc("host to connect to instead of the URL's own")] = ""
    person: Annotated[
        str, Name(), Doc("who asks: shows this one's client certificate, of a site's `clients`")
    ] = ""
    version: Annotated[
        str, Choice("1.0", "1.1", "2"), Doc("version of HTTP; what both sides agree on")
    ] = ""


@dataclass(frozen=True, slots=True)
class Ws:
    """WebSocket, by Tornado's client (RFC 6455)."""

    SHORTHAND = "url"
    SEES: ClassVar[Sees] = {
        "status": (NUMBER, "status of the handshake: 101, or what refused it"),
        "opened": (FLAG, "whether the connection was opened"),
        "received": (TEXTS, "the messages that came"),
        "delivered": (FLAG, "whether `until` came to every connection"),
        "closed": (NUMBER, "the server's close code"),
        **MILLISECONDS,
        **ERROR,
    }

    url: Annotated[str, Url("ws", "wss"), Doc("what to connect to")]
    send: Annotated[tuple[str, ...], Many(Passage()), Doc("messages to send")] = ()
    until: Annotated[str, Text(2000), Doc("read on until a message holds this text")] = ""
    others: Annotated[
        int, Integer(0, 8), Doc("further connections, to which `until` must come as well")
    ] = 0
    origin: Annotated[str, Text(300), Doc("Origin header of the handshake")] = ""


@dataclass(frozen=True, slots=True)
class Tls:
    """A TLS handshake, and the certificates that the server shows (RFC 8446, RFC 5280)."""

    SHORTHAND = "host"
    SEES: ClassVar[Sees] = {
        "verified": (FLAG, "whether the lab's CA vouches for the certificate, and for this name"),
        "reason": (TEXT, "why it is not verified"),
        "protocol": (TEXT, "version agreed on, for example TLSv1.3"),
        "cipher": (TEXT, "cipher suite agreed on"),
        "subject": (TEXT, "common name of the certificate"),
        "issuer": (TEXT, "common name of who signed it"),
        "names": (TEXTS, "host names in it"),
        "days": (NUMBER, "days until it ends, negative afterwards"),
        "self_signed": (FLAG, "whether it is signed with its own key"),
        "chain": (NUMBER, "certificates that the server sends"),
        "key": (TEXT, "kind and size of its key, for example EC 256"),
        **MILLISECONDS,
        **ERROR,
    }

    host: Annotated[str, Host(), Doc("host whose certificate is expected, and which SNI names")]
    port: Annotated[int, Port(), Doc("port")] = 443
    connect: Annotated[str, Host(), Doc("host to connect to instead")] = ""
    starttls: Annotated[
        str, Choice("smtp", "imap", "pop3"), Doc("begin in this protocol; TLS from the start")
    ] = ""
    version: Annotated[
        str, Choice("1.2", "1.3"), Doc("the one version of TLS to offer; 1.2 and 1.3")
    ] = ""


@dataclass(frozen=True, slots=True)
class Dns:
    """DNS, by dig, or by delv, which validates by itself (RFC 1035, RFC 4033)."""

    SHORTHAND = "name"
    SEES: ClassVar[Sees] = {
        "status": (TEXT, "NOERROR, NXDOMAIN, REFUSED, SERVFAIL"),
        "answers": (TEXTS, "record data, in order; of TXT the plain text"),
        "answer": (TEXT, "the same, one a line"),
        "count": (NUMBER, "number of records"),
        "aa": (FLAG, "answered by an authority for the name"),
        "ad": (FLAG, "validated by the resolver (DNSSEC)"),
        "ra": (FLAG, "recursion available"),
        "tc": (FLAG, "cut, to be asked again by TCP"),
        "transferred": (FLAG, "for AXFR: whether the zone was handed over"),
        "validated": (FLAG, "for delv: whether it trusts the answer"),
        "reason": (TEXT, "for delv: why it does not"),
        **MILLISECONDS,
        **ERROR,
    }

    name: Annotated[str, Host(), Doc("name asked for")]
    type: Annotated[str, Text(12, "[A-Z][A-Z0-9]*"), Doc("record type, or AXFR for the zone")] = "A"
    server: Annotated[str, Host(), Doc("server to ask; the machine's own resolver")] = ""
    recurse: Annotated[bool, Switch(), Doc("ask for recursion")] = True
    reverse: Annotated[bool, Switch(), Doc("ask for the name of the name's address (PTR)")] = False
    tool: Annotated[str, Choice("dig", "delv"), Doc("the client")] = "dig"


QUESTIONS: Mapping[str, type[Any]] = {
    "http": Http, "ws": Ws, "tls": Tls, "dns": Dns, "smtp": Smtp, "imap": Imap, "pop3": Pop3,
    "tcp": Tcp, "udp": Udp, "command": Command, "file": File, "process": Process, "log": Log,
}  # fmt: skip


def request(question: Any) -> dict[str, Any]:
    """What the client is asked: the keys that say something else than their defaults."""
    said = {one.name: getattr(question, one.name) for one in dataclasses.fields(question)
            if getattr(question, one.name) != one.default}  # fmt: skip
    said = {key: value for key, value in said.items() if value not in ({}, ())}
    if isinstance(question, Command):
        said["command"] = question.words
    if isinstance(question, Ws) and question.others:
        also = {key: said[key] for key in ("url", "until", "origin") if key in said}
        said["others"] = [also] * question.others
    if isinstance(question, Smtp) and question.read is not None:
        said["read"] = dataclasses.asdict(question.read)
    return said
