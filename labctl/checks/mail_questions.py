"""Mail clients as questions: SMTP, IMAP and POP3 (see ``labctl.checks.questions``)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from labctl.checks.values import ERROR, FLAG, MILLISECONDS, NUMBER, TEXT, Complaints, Host, Sees
from labctl.spec.fields import Choice, Doc, Port, Text

_MAILBOX = {
    "verified": (FLAG, "whether TLS was used, with a certificate that the lab's CA vouches for"),
    "login": (FLAG, "whether the login was accepted"),
    "reply": (TEXT, "what the server said to a login that it refused"),
    "messages": (NUMBER, "messages in the inbox"),
}


@dataclass(frozen=True, slots=True)
class Read:
    """The mailbox where a message must turn up."""

    server: Annotated[str, Host(), Doc("mail store")]
    login: Annotated[str, Text(200), Doc("whose mailbox")]
    password: Annotated[str, Text(200), Doc("the password, for example `${account.alice}`")]
    protocol: Annotated[str, Choice("imap", "pop3"), Doc("how it is read, with TLS")] = "imap"


@dataclass(frozen=True, slots=True)
class Smtp:
    """Sending mail, and seeing it arrive (RFC 5321)."""

    SEES: ClassVar[Sees] = {
        "stage": (TEXT, "last command: auth, mail, rcpt or data"),
        "code": (NUMBER, "the server's reply code to it, for example 250"),
        "reply": (TEXT, "the server's words"),
        "verified": (
            FLAG,
            "whether TLS was used, with a certificate that the lab's CA vouches for",
        ),
        "auth_offered": (FLAG, "whether the server offers to log in"),
        "delivered": (FLAG, "with `read`: whether the message arrived"),
        "signed_by": (TEXT, "with `read`: domain of its DKIM signature"),
        "results": (TEXT, "with `read`: its Authentication-Results"),
        **MILLISECONDS,
        **ERROR,
    }

    server: Annotated[str, Host(), Doc("mail server")]
    port: Annotated[int, Port(), Doc("port")] = 25
    tls: Annotated[str, Choice("none", "starttls", "implicit"), Doc("TLS")] = "none"
    login: Annotated[str, Text(200), Doc("log in as this user")] = ""
    password: Annotated[str, Text(200), Doc("with this password, `${account.alice}`")] = ""
    sender: Annotated[str, Text(254), Doc("send a message from this address")] = ""
    recipient: Annotated[str, Text(254), Doc("to this one")] = ""
    read: Annotated[Read | None, Read, Doc("mailbox where the message must turn up")] = None

    def problems(self) -> Complaints:
        """Half of a login, half of an envelope."""
        yield from _together(self, "login", "password")
        yield from _together(self, "sender", "recipient")
        if self.read and not self.sender:
            yield "read", "there is no message to read", "`sender` and `recipient` send one"


@dataclass(frozen=True, slots=True)
class Imap:
    """Reading mail by IMAP (RFC 9051)."""

    SEES: ClassVar[Sees] = {
        **_MAILBOX,
        "login_disabled": (FLAG, "whether the server takes no login on this connection"),
        **MILLISECONDS,
        **ERROR,
    }

    server: Annotated[str, Host(), Doc("mail store")]
    login: Annotated[str, Text(200), Doc("user")]
    password: Annotated[str, Text(200), Doc("password, for example `${account.alice}`")]
    port: Annotated[int, Port(), Doc("port")] = 993
    tls: Annotated[str, Choice("none", "starttls", "implicit"), Doc("TLS")] = "implicit"


@dataclass(frozen=True, slots=True)
class Pop3:
    """Fetching mail by POP3 (RFC 1939)."""

    SEES: ClassVar[Sees] = {**_MAILBOX, **MILLISECONDS, **ERROR}

    server: Annotated[str, Host(), Doc("mail store")]
    login: Annotated[str, Text(200), Doc("user")]
    password: Annotated[str, Text(200), Doc("password, for example `${account.alice}`")]
    port: Annotated[int, Port(), Doc("port")] = 995
    tls: Annotated[str, Choice("none", "starttls", "implicit"), Doc("TLS")] = "implicit"


def _together(question: Any, first: str, second: str) -> Complaints:
    for one, other in ((first, second), (second, first)):
        if getattr(question, one) and not getattr(question, other):
            yield one, f"'{one}' needs '{other}'", f"`{other}:` says it"
