"""Ask a mail server by SMTP: send a message, and see it arrive where it must.

Runs on the client machine (Python's standard library only). Standards: RFC 5321, RFC 3207
(STARTTLS), RFC 4954 (AUTH), RFC 8314 (implicit TLS).
"""

from __future__ import annotations

import base64
import email
import imaplib
import poplib
import re
import smtplib
import ssl
import time
import uuid
from email.message import EmailMessage
from typing import Any

TIMEOUT = 10


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """Send one message and say how far it came.

    Request: ``server``, ``connect`` (another host to connect to), ``port`` (25), ``tls`` (none,
    starttls, implicit), ``login`` and ``password`` (neither: no AUTH), ``sender`` and
    ``recipient`` (no sender: no message), ``bare_lf`` (end a line of the message with LF
    alone), ``read``: a mapping with ``protocol`` (imap or pop3), ``server``, ``login``,
    ``password`` and ``deadline`` seconds, the mailbox where the message must turn up.

    Seen: ``code``, ``stage`` and ``reply`` of the last command; ``verified`` when TLS is in
    use (an invalid certificate is an ``error``); ``auth_offered``; with ``read`` also
    ``delivered``, ``signed_by`` (d= of DKIM-Signature) and ``results``
    (Authentication-Results).
    """
    seen: dict[str, Any] = {"verified": False, "auth_offered": False}
    marker = f"<{uuid.uuid4()}@check.invalid>"
    try:
        with _connect(request, seen) as connection:
            _converse(connection, request, marker, seen)
        if "read" in request and seen["code"] == 250:
            seen |= _read(request["read"], marker)
    except (OSError, smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto) as error:
        seen["error"] = f"{type(error).__name__}: {error}"
    return seen


def _connect(request: dict[str, Any], seen: dict[str, Any]) -> smtplib.SMTP:
    """A connection after EHLO, and after STARTTLS where asked for.

    With ``connect`` to another host, which has to show the certificate of ``server``.
    """
    server, port, tls = request["server"], request.get("port", 25), request.get("tls", "none")
    context = ssl.create_default_context()
    if tls == "implicit":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(server, port, timeout=TIMEOUT, context=context)
    else:
        connection = smtplib.SMTP(request.get("connect", server), port, timeout=TIMEOUT)
        vars(connection)["_host"] = server  # whose certificate STARTTLS expects
    connection.ehlo_or_helo_if_needed()
    if tls == "starttls":
        connection.starttls(context=context)
        connection.ehlo_or_helo_if_needed()
    seen["verified"] = tls != "none"
    seen["auth_offered"] = connection.has_extn("auth")
    return connection


def _converse(
    connection: smtplib.SMTP, request: dict[str, Any], marker: str, seen: dict[str, Any]
) -> None:
    """AUTH, MAIL, RCPT and DATA, as far as the server goes along."""
    for stage, send in _stages(connection, request, marker):
        code, reply = send()
        seen |= {"stage": stage, "code": code, "reply": reply.decode("utf-8", "replace")}
        if code >= 400:
            return


def _stages(connection: smtplib.SMTP, request: dict[str, Any], marker: str) -> list[Any]:
    stages: list[Any] = []
    if "login" in request:
        plain = f"\0{request['login']}\0{request['password']}".encode()
        credentials = base64.b64encode(plain).decode()
        stages.append(("auth", lambda: connection.docmd("AUTH", f"PLAIN {credentials}")))
    if "sender" in request:
        sender, recipient = request["sender"], request["recipient"]
        content = _message(request, marker)
        stages.append(("mail", lambda: connection.docmd("MAIL", f"FROM:<{sender}>")))
        stages.append(("rcpt", lambda: connection.docmd("RCPT", f"TO:<{recipient}>")))
        stages.append(("data", lambda: _data(connection, content)))
    return stages


def _message(request: dict[str, Any], marker: str) -> bytes:
    message = EmailMessage()
    message["From"] = request["sender"]
    message["To"] = request["recipient"]
    message["Subject"] = "A check of the lab"
    message["Message-ID"] = marker
    message.set_content("This message was sent by a check, which deletes it again.\n")
    content = message.as_bytes().replace(b"\n", b"\r\n")
    return content + b"one line\nends badly\r\n" if request.get("bare_lf") else content


def _data(connection: smtplib.SMTP, content: bytes) -> tuple[int, bytes]:
    """The message as it is; ``SMTP.data`` would mend its line ends."""
    code, reply = connection.docmd("DATA")
    if code != 354:
        return code, reply
    connection.send(content + b".\r\n")
    return connection.getreply()


def _read(mailbox: dict[str, Any], marker: str) -> dict[str, Any]:
    """Look for the message until it is there or the deadline has passed, and delete it."""
    fetch = {"imap": _imap, "pop3": _pop3}[mailbox["protocol"]]
    end = time.monotonic() + mailbox.get("deadline", 20)
    content = fetch(mailbox, marker)
    while content is None and time.monotonic() < end:
        time.sleep(0.2)  # between two looks at the mailbox, until the deadline
        content = fetch(mailbox, marker)
    if content is None:
        return {"delivered": False}
    message = email.message_from_bytes(content)
    signature = re.search(r"\bd=([^;\s]+)", message.get("DKIM-Signature", ""))
    return {
        "delivered": True,
        "signed_by": signature[1] if signature else "",
        "results": " ".join(message.get("Authentication-Results", "").split()),
    }


def _imap(mailbox: dict[str, Any], marker: str) -> bytes | None:
    """The message with this Message-ID out of INBOX, by IMAP inside TLS."""
    context = ssl.create_default_context()
    server = imaplib.IMAP4_SSL(mailbox["server"], ssl_context=context, timeout=TIMEOUT)
    with server as connection:
        connection.login(mailbox["login"], mailbox["password"])
        connection.select()
        _, found = connection.uid("SEARCH", "HEADER", "Message-ID", f'"{marker}"')
        if not found[0]:
            return None
        uid = found[0].split()[-1].decode()
        _, parts = connection.uid("FETCH", uid, "(BODY.PEEK[])")
        connection.uid("STORE", uid, "+FLAGS.SILENT", r"(\Deleted)")
        connection.uid("EXPUNGE", uid)
        # other sessions' changes of flags may come in between: they are no (envelope, text) pair
        return next((bytes(part[1]) for part in parts if isinstance(part, tuple)), None)


def _pop3(mailbox: dict[str, Any], marker: str) -> bytes | None:
    """The message with this Message-ID, by POP3 inside TLS."""
    context = ssl.create_default_context()
    connection = poplib.POP3_SSL(mailbox["server"], context=context, timeout=TIMEOUT)
    try:
        connection.user(mailbox["login"])
        connection.pass_(mailbox["password"])
        for number in range(connection.stat()[0], 0, -1):
            try:
                _, lines, _ = connection.retr(number)
            except poplib.error_proto:
                continue  # another session has deleted it since this one began
            if f"Message-ID: {marker}".encode() in lines:
                connection.dele(number)
                return b"\r\n".join(lines)
    finally:
        connection.quit()
    return None
