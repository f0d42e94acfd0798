"""Ask a mail store by IMAP: log in, or be refused (RFC 9051, RFC 8314).

Runs on the client machine (Python's standard library only).
"""

from __future__ import annotations

import imaplib
import ssl
from typing import Any

TIMEOUT = 10


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """Log in and look into INBOX.

    Request: ``server``, ``port`` (993), ``tls`` (none, starttls, implicit), ``login``,
    ``password``. Seen: ``verified`` when TLS is in use (an invalid certificate is an
    ``error``), ``login_disabled`` (what the server announces, RFC 9051 section 6.2.3),
    ``login``, the server's ``reply`` to a refused one, and ``messages`` in INBOX.
    """
    seen: dict[str, Any] = {"verified": False, "login": False}
    try:
        with _connect(request) as connection:
            seen["verified"] = request.get("tls", "implicit") != "none"
            seen["login_disabled"] = "LOGINDISABLED" in connection.capabilities
            _log_in(connection, request, seen)
    except (OSError, imaplib.IMAP4.error) as error:
        seen["error"] = f"{type(error).__name__}: {error}"
    return seen


def _connect(request: dict[str, Any]) -> imaplib.IMAP4:
    server, port, tls = request["server"], request.get("port", 993), request.get("tls", "implicit")
    context = ssl.create_default_context()
    if tls == "implicit":
        return imaplib.IMAP4_SSL(server, port, ssl_context=context, timeout=TIMEOUT)
    connection = imaplib.IMAP4(server, port, timeout=TIMEOUT)
    if tls == "starttls":
        connection.starttls(context)
    return connection


def _log_in(connection: imaplib.IMAP4, request: dict[str, Any], seen: dict[str, Any]) -> None:
    try:
        connection.login(request["login"], request["password"])
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as refused:
        reply = refused.args[0] if refused.args else b""
        seen["reply"] = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
        return
    seen["login"] = True
    _, counts = connection.select(readonly=True)
    seen["messages"] = int(counts[0] or 0)
