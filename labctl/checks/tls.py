"""A TLS handshake: whether the machine trusts it, and the certificates that are shown.

Runs on the client machine (Python's standard library only). What is in the certificates is
read where the checked cannot reach: ``labctl.checks.certificates``.
"""

from __future__ import annotations

import base64
import socket
import ssl
from typing import Any

TIMEOUT = 6
_HELLO = {  # what leads to TLS (RFC 3207, RFC 9051 section 6.2.1, RFC 2595)
    "smtp": (b"EHLO check.invalid\r\n", b"STARTTLS\r\n", b"220"),
    "imap": (b"", b"a STARTTLS\r\n", b"a OK"),
    "pop3": (b"", b"STLS\r\n", b"+OK"),
}


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """``verified`` and the ``reason`` why not, ``protocol``, ``cipher``, ``certificates``.

    Request: ``host``, ``port`` (443), ``connect`` (another host to connect to), ``starttls``
    (smtp, imap, pop3), ``version`` (1.2, 1.3). The certificates come as base64 of DER.
    """
    try:
        return {"verified": True, "reason": "", **_shaken(request, _context(request))}
    except ssl.SSLCertVerificationError as error:
        reason = error.verify_message or str(error)
    except (OSError, ValueError) as error:
        return {"error": f"{type(error).__name__}: {error}"}
    context = _context(request)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return {"verified": False, "reason": reason, **_shaken(request, context)}
    except (OSError, ValueError) as error:
        return {"error": f"{type(error).__name__}: {error}"}


def _context(request: dict[str, Any]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=request.get("cacert"))
    if request.get("version"):
        version = getattr(ssl.TLSVersion, f"TLSv{request['version'].replace('.', '_')}")
        context.minimum_version = context.maximum_version = version
    return context


def _shaken(request: dict[str, Any], context: ssl.SSLContext) -> dict[str, Any]:
    """What a handshake shows."""
    where = (request.get("connect") or request["host"], request.get("port", 443))
    with socket.create_connection(where, TIMEOUT) as plain:
        if request.get("starttls"):
            _start(plain, *_HELLO[request["starttls"]])
        with context.wrap_socket(plain, server_hostname=request["host"]) as connection:
            cipher = connection.cipher()
            return {
                "protocol": connection.version(),
                "cipher": cipher[0] if cipher else "",
                "certificates": [base64.b64encode(one).decode() for one in _chain(connection)],
            }


def _chain(connection: ssl.SSLSocket) -> list[bytes]:
    """The certificates as sent, in DER; before Python 3.13 only the first of them."""
    sent = getattr(connection, "get_unverified_chain", None)
    own = connection.getpeercert(binary_form=True)
    return [bytes(one) for one in sent()][:10] if sent else [own] if own else []


def _start(connection: socket.socket, hello: bytes, start: bytes, agreed: bytes) -> None:
    """Talk a mail server into TLS; ValueError where it does not want to."""
    with connection.makefile("rb") as answers:
        answers.readline(1000)
        if hello:
            connection.sendall(hello)
            while answers.readline(1000)[3:4] == b"-":
                pass
        connection.sendall(start)
        line = answers.readline(1000)
    if not line.startswith(agreed):
        raise ValueError(f"the server refuses TLS: {line.decode(errors='replace').strip()}")
