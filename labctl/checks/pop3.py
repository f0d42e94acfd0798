"""Ask a mail store by POP3: log in, or be refused (RFC 1939, RFC 2595, RFC 8314).

Runs on the client machine (Python's standard library only).
"""

from __future__ import annotations

import poplib
import ssl
from typing import Any

TIMEOUT = 10


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """Log in and count the messages.

    Request: ``server``, ``port`` (995), ``tls`` (none, starttls, implicit), ``login``,
    ``password``. Seen: ``verified`` when TLS is in use (an invalid certificate is an
    ``error``), ``login``, the server's ``reply`` to a refused one, and ``messages``.
    """
    seen: dict[str, Any] = {"verified": False, "login": False}
    try:
        connection = _connect(request)
        seen["verified"] = request.get("tls", "implicit") != "none"
        try:
            _log_in(connection, request, seen)
        finally:
            connection.close()
    except (OSError, poplib.error_proto) as error:
        seen["error"] = f"{type(error).__name__}: {error}"
    return seen


def _connect(request: dict[str, Any]) -> poplib.POP3:
    server, port, tls = request["server"], request.get("port", 995), request.get("tls", "implicit")
    context = ssl.create_default_context()
    if tls == "implicit":
        return poplib.POP3_SSL(server, port, context=context, timeout=TIMEOUT)
    connection = poplib.POP3(server, port, timeout=TIMEOUT)
    if tls == "starttls":
        connection.stls(context)
    return connection


def _log_in(connection: poplib.POP3, request: dict[str, Any], seen: dict[str, Any]) -> None:
    try:
        connection.user(request["login"])
        connection.pass_(request["password"])
    except poplib.error_proto as refused:
        reply = refused.args[0] if refused.args else b""
        seen["reply"] = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else str(reply)
        return
    seen["login"] = True
    seen["messages"] = connection.stat()[0]
    connection.quit()
