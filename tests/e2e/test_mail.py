"""Mail by swaks, imaplib and poplib: what arrives, and everything that must not."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import dkim  # type: ignore[import-untyped]  # has no types
import pytest

from tests.e2e.support.home import Ran
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.outside import Outside
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

STRANGER = "visitor@outside.example"
# Runs where the client is; prints the message whose subject is given, as it is stored.
IMAP = """
import imaplib, ssl, sys
server, login, password, subject, mode = sys.argv[1:]
context = ssl.create_default_context() if mode != "unverified" else ssl._create_unverified_context()
if mode == "starttls":
    box = imaplib.IMAP4(server)
    box.starttls(context)
else:
    box = imaplib.IMAP4_SSL(server, ssl_context=context)
box.login(login, password)
box.select()
for number in box.search(None, "SUBJECT", subject)[1][0].split():
    sys.stdout.buffer.write(box.fetch(number, "(RFC822)")[1][0][1])
"""
POP3 = """
import poplib, ssl, sys
server, login, password, subject, mode = sys.argv[1:]
context = ssl.create_default_context() if mode != "unverified" else ssl._create_unverified_context()
if mode == "starttls":
    box = poplib.POP3(server)
    box.stls(context)
else:
    box = poplib.POP3_SSL(server, context=context)
box.user(login)
box.pass_(password)
for number in range(1, box.stat()[0] + 1):
    message = b"\\r\\n".join(box.retr(number)[1])
    if f"Subject: {subject}".encode() in message:
        sys.stdout.buffer.write(message)
box.quit()
"""


@pytest.fixture(scope="module")
def password(lab1: OwnLab) -> dict[str, str]:
    return lab1.passwords()


@pytest.fixture
def subject() -> str:
    return f"test-{secrets.token_hex(6)}"


Swaks = Callable[..., Ran]


@pytest.fixture(scope="module")
def swaks(lab1: OwnLab, outside: Outside) -> Swaks:
    """Send from a stranger's machine; the machine's own CA store knows nothing of the lab."""

    def send(*words: str, sender: str = STRANGER, to: str = "alice", **more: str) -> Ran:
        recipient = to if "@" in to else f"{to}@{lab1.domain}"
        return outside.exec("swaks", "--server", f"mail.{lab1.domain}", "--from", sender,
                            "--to", recipient, *words, **more)  # fmt: skip

    return send


def read(lab: OwnLab, user: str, password: str, subject: str, how: str = IMAP, mode: str = "tls"
         ) -> str:  # fmt: skip
    words = ("python3", "-", f"mail.{lab.domain}", user, password, subject, mode)
    return lab.output("client", *words, input=how).replace("\r\n", "\n")


@pytest.mark.parametrize("how", [IMAP, POP3], ids=["imap", "pop3"])
@pytest.mark.parametrize("mode", ["tls", "starttls"])
def test_mail_from_outside_arrives(
    lab1: OwnLab, swaks: Swaks, password: dict[str, str], subject: str, how: str, mode: str
) -> None:
    assert swaks("--header", f"Subject: {subject}", "--tls").status == 0
    message = eventually(lambda: read(lab1, "alice", password["alice"], subject, how, mode))
    assert f"From: {STRANGER}" in message
    assert f"Delivered-To: alice@{lab1.domain}" in message
    assert "DKIM-Signature" not in message


def test_a_stranger_reads_mail_too_with_the_password(
    lab1: OwnLab, swaks: Swaks, outside: Outside, password: dict[str, str], subject: str
) -> None:
    assert swaks("--header", f"Subject: {subject}").status == 0
    server = f"mail.{lab1.domain}"
    words = ("python3", "-", server, "alice", password["alice"], subject)
    for how in (IMAP, POP3):
        assert subject in eventually(partial(outside.output, *words, "unverified", input=how))
        untrusted = outside.exec(*words, "tls", input=how)
        assert "CERTIFICATE_VERIFY_FAILED" in untrusted.err


@pytest.mark.parametrize("how", [IMAP, POP3], ids=["imap", "pop3"])
def test_a_wrong_password_reads_nothing(lab1: OwnLab, how: str) -> None:
    words = ("python3", "-", f"mail.{lab1.domain}", "alice", "wrong", "any", "tls")
    ran = lab1.exec("client", *words, input=how)
    assert ran.status != 0
    assert re.search("(?i)authentication failed", ran.err)


def submit(lab: OwnLab, password: str, port: str, *words: str, sender: str = "", to: str = "bob@"
           ) -> Ran:  # fmt: skip
    recipient = f"{to}{lab.domain}" if to.endswith("@") else to
    tls = ("--tlsc",) if port == "465" else ("--tls",)
    return lab.exec("client", "swaks", "--server", f"mail.{lab.domain}", "--port", port, *tls,
                    "--tls-verify", "--auth", "PLAIN", "--auth-user", "alice",
                    "--auth-password", password, "--from", sender or f"alice@{lab.domain}",
                    "--to", recipient, *words)  # fmt: skip


@pytest.mark.parametrize("port", ["587", "465"])
def test_what_a_user_sends_is_signed_and_the_signature_holds(
    lab1: OwnLab, password: dict[str, str], subject: str, port: str
) -> None:
    ran = submit(lab1, password["alice"], port, "--header", f"Subject: {subject}")
    assert ran.status == 0, ran.said
    stored = eventually(lambda: read(lab1, "bob", password["bob"], subject))

    def key(name: bytes, timeout: int = 5) -> bytes:
        answer = lab1.output("client", "dig", "+short", "TXT", name.decode())
        return "".join(re.findall(r'"([^"]*)"', answer)).encode()

    message = stored.replace("\n", "\r\n").encode()
    signature = re.search(rb"DKIM-Signature: .*?d=([^;]+);", message, re.DOTALL)
    assert signature
    assert signature[1].decode() == lab1.domain
    assert dkim.verify(message, dnsfunc=key)
    assert not dkim.verify(message.replace(b"This is a test", b"This is a fake"), dnsfunc=key)
    assert not dkim.verify(message.replace(subject.encode(), b"another subject"), dnsfunc=key)


def test_an_alias_reaches_everybody_in_it(
    lab1: OwnLab, swaks: Swaks, password: dict[str, str], subject: str
) -> None:
    assert swaks("--header", f"Subject: {subject}", to="info").status == 0
    for user in ("alice", "bob"):
        assert subject in eventually(partial(read, lab1, user, password[user], subject))


@pytest.mark.parametrize("role", ["postmaster", "abuse", "hostmaster", "webmaster"])
def test_every_domain_has_its_roles(swaks: Swaks, role: str) -> None:
    assert swaks("--quit-after", "RCPT", to=role).status == 0


def code(ran: Ran) -> str:
    """The answer that ended it: swaks marks refusals with `<**`, inside TLS with `<~*`."""
    refused = re.findall(r"^<(?:\*\*|~\*) +(\d{3})", ran.out, re.MULTILINE)
    return refused[0] if refused else "accepted"


@pytest.mark.parametrize(
    ("sender", "recipient", "answer"),
    [
        (STRANGER, "alice@{}", "accepted"),  # the control
        (STRANGER, "somebody@elsewhere.example", "554"),
        ("alice@{}", "alice@{}", "554"),
        ("alice@{}", "somebody@elsewhere.example", "554"),
        ("nobody@{}", "alice@{}", "554"),
        (STRANGER, "nobody@{}", "550"),
        (STRANGER, "somebody%elsewhere.example@{}", "554"),
        (STRANGER, "elsewhere.example!somebody@{}", "554"),
        (STRANGER, '"somebody@elsewhere.example"@{}', "554"),
        (STRANGER, "somebody@elsewhere.example@{}", "5"),
        (STRANGER, "@{}:somebody@elsewhere.example", "5"),
        ("<>", "alice@{}", "accepted"),
        ("<>", "somebody@elsewhere.example", "554"),
        ("no-domain", "alice@{}", "5"),
    ],
)
def test_who_may_send_what_to_whom_from_outside(
    lab1: OwnLab, swaks: Swaks, sender: str, recipient: str, answer: str
) -> None:
    ran = swaks("--quit-after", "RCPT", sender=sender.format(lab1.domain),
                to=recipient.format(lab1.domain))  # fmt: skip
    assert code(ran).startswith(answer), ran.out


def test_other_machines_of_the_lab_are_strangers_too(lab1: OwnLab) -> None:
    ran = lab1.exec("client", "swaks", "--server", f"mail.{lab1.domain}", "--quit-after", "RCPT",
                    "--from", STRANGER, "--to", "somebody@elsewhere.example")  # fmt: skip
    assert code(ran) == "554", ran.out


@pytest.mark.parametrize(
    ("port", "sender", "to", "answer"),
    [
        ("587", "", "bob@", "accepted"),  # the control
        ("587", "", "somebody@elsewhere.example", "[45]"),
        ("587", STRANGER, "bob@", "553"),
        ("465", STRANGER, "bob@", "553"),
    ],
)
def test_a_user_sends_as_herself_only(
    lab1: OwnLab, password: dict[str, str], port: str, sender: str, to: str, answer: str
) -> None:
    ran = submit(lab1, password["alice"], port, "--quit-after", "RCPT", sender=sender, to=to)
    assert re.match(answer, code(ran)), ran.out


def test_a_wrong_password_sends_nothing(lab1: OwnLab) -> None:
    assert code(submit(lab1, "wrong", "587", "--quit-after", "RCPT")) == "535"


def dialogue(outside: Outside, server: str, port: int, *lines: str) -> str:
    """Say lines one by one, wait for each answer; everything that the server said."""
    talk = """
import socket, sys
server, port, lines = sys.argv[1], int(sys.argv[2]), sys.argv[3:]
with socket.create_connection((server, port), 10) as connection:
    answers = connection.makefile("rb")
    def answer():
        while True:
            line = answers.readline()
            sys.stdout.buffer.write(line)
            if line[3:4] != b"-":
                return
    answer()
    for line in lines:
        connection.sendall(line.encode("latin-1").decode("unicode_escape").encode("latin-1"))
        answer()
"""
    return outside.output("python3", "-", server, str(port), *lines, input=talk)


@pytest.mark.parametrize("port", [25, 587])
def test_a_password_in_the_clear_is_refused(lab1: OwnLab, outside: Outside, port: int) -> None:
    said = dialogue(outside, f"mail.{lab1.domain}", port, "EHLO outside.example\\r\\n",
                    "AUTH PLAIN AGFsaWNlAHdyb25n\\r\\n")  # fmt: skip
    assert "250-AUTH" not in said
    assert re.search(r"^(530|503|502|538)[ -]", said, re.MULTILINE), said


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        ("one\\r\\ntwo\\r\\n.\\r\\n", "250"),
        ("one\\ntwo\\r\\n.\\r\\n", "5"),
        ("one\\n.\\n\\r\\n.\\r\\n", "5"),
    ],
    ids=["right", "bare-line-feed", "smuggled-end"],
)
def test_a_line_ends_with_both_characters(
    lab1: OwnLab, outside: Outside, body: str, answer: str
) -> None:
    said = dialogue(outside, f"mail.{lab1.domain}", 25, "EHLO outside.example\\r\\n",
                    f"MAIL FROM:<{STRANGER}>\\r\\n", f"RCPT TO:<alice@{lab1.domain}>\\r\\n",
                    "DATA\\r\\n", f"Subject: lines\\r\\n\\r\\n{body}")  # fmt: skip
    assert said.splitlines()[-1].startswith(answer), said


@contextmanager
def stopped(lab: OwnLab) -> Iterator[None]:
    """Postfix, stopped for a while."""
    service = "/run/service/postfix"
    lab.output("mail", "s6-svc", "-wD", "-T", "10000", "-d", service)
    try:
        yield
    finally:
        lab.output("mail", "s6-svc", "-u", service)


def test_a_queue_from_a_machine_with_other_numbers_gets_its_owner_back(
    lab1: OwnLab, swaks: Swaks, password: dict[str, str], subject: str
) -> None:
    """A platform is another image, where Postfix may be another user's number."""
    queue = ("find", "/var/spool/postfix", "-user", "postfix", "-exec", "chown", "4321", "{}", "+")
    run = "/etc/labctl/daemons/postfix/run"
    script = lab1.output("mail", "cat", run)
    lab1.output("mail", "tee", run, input=re.sub("(?m)^find .*\n", "", script))
    try:
        with stopped(lab1):
            lab1.output("mail", *queue)
        refused = ("sh", "-c", "s6-svstat -o up /run/service/postfix; postfix check 2>&1")
        assert eventually(lambda: "Permission denied" in lab1.exec("mail", *refused).out)
        assert swaks("--header", f"Subject: {subject}").status != 0
    finally:
        lab1.output("mail", "tee", run, input=script)
        with stopped(lab1):
            pass
    eventually(lambda: swaks("--header", f"Subject: {subject}").status == 0)
    assert subject in eventually(partial(read, lab1, "alice", password["alice"], subject))
