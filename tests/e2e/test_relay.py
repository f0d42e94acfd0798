"""A company's mail relay in front of its mail store, and what its name server tells whom."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import pytest

from tests.e2e.support.home import Ran
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

STRANGER, ELSEWHERE = "visitor@outside.example", "somebody@elsewhere.example"
MAIN, MASTER, NAMED = "/etc/postfix/main.cf", "/etc/postfix/master.cf", "/etc/bind/named.conf"
IMAP = """
import imaplib, sys
server, login, password, subject = sys.argv[1:]
box = imaplib.IMAP4_SSL(server)
box.login(login, password)
box.select()
for number in box.search(None, "SUBJECT", subject)[1][0].split():
    sys.stdout.buffer.write(box.fetch(number, "(RFC822)")[1][0][1])
"""
# another server on the Internet: takes one message, says who brought it and what it was
SINK = """
import socket, sys
with socket.create_server(("", 25)) as server:
    print("listening", file=sys.stderr, flush=True)
    server.settimeout(30)
    connection, peer = server.accept()
print("peer", peer[0])
with connection:
    lines, data = connection.makefile("rb"), False
    connection.sendall(b"220 sink\\r\\n")
    for line in lines:
        sys.stdout.write(line.decode())
        data = line != b".\\r\\n" if data else line == b"DATA\\r\\n"
        if data and line != b"DATA\\r\\n":
            continue
        connection.sendall(b"354 go on\\r\\n" if data else b"250 fine\\r\\n")
"""


@pytest.fixture(scope="module")
def password(company: OwnLab) -> dict[str, str]:
    return company.passwords()


@pytest.fixture
def subject() -> str:
    return f"test-{secrets.token_hex(6)}"


def address(lab: OwnLab, machine: str, network: str = "") -> str:
    """A machine's address on a network, or its only one."""
    networks = lab.inspect(machine)["NetworkSettings"]["Networks"]
    (found,) = [n["IPAddress"] for name, n in networks.items() if name.endswith(network)]
    return str(found)


def swaks(lab: OwnLab, origin: str, server: str, *words: str) -> Ran:
    return lab.exec(origin, "swaks", "--server", server, *words)


def refusal(lab: OwnLab, origin: str, server: str, sender: str, recipient: str) -> str:
    """The code that ends a message before its content, or "accepted"."""
    words = ("--quit-after", "RCPT", "--from", sender, "--to", recipient)
    ran = swaks(lab, origin, server, *words)
    found = re.findall(r"^<(?:\*\*|~\*) +(\d{3})", ran.out, re.MULTILINE)
    return found[0] if found else "accepted" if ran.status == 0 else ran.said


def stored(lab: OwnLab, password: str, subject: str) -> str:
    """A message of alice's, as it is stored."""
    words = (f"mail.{lab.domain}", "alice", password, subject)
    return lab.output("client", "python3", "-", *words, input=IMAP)


@contextmanager
def changed(lab: OwnLab, machine: str, path: str, old: str, new: str, *reload: str
            ) -> Iterator[None]:  # fmt: skip
    """A file of a machine changed by hand, for a while."""
    text = lab.output(machine, "cat", path)
    assert re.search(old, text)
    lab.output(machine, "tee", path, input=re.sub(old, new, text))
    lab.output(machine, *reload)
    try:
        yield
    finally:
        lab.output(machine, "tee", path, input=text)
        lab.output(machine, *reload)


POSTFIX = ("postfix", "reload")


def test_mail_from_outside_arrives_and_the_store_knows_from_whom(
    company: OwnLab, password: dict[str, str], subject: str
) -> None:
    words = ("--from", STRANGER, "--to", f"alice@{company.domain}", "--tls", "--tls-verify")
    ran = swaks(company, "client", f"mail.{company.domain}", *words,
                "--header", f"Subject: {subject}")  # fmt: skip
    assert ran.status == 0, ran.said
    message = eventually(lambda: stored(company, password["alice"], subject))
    client = address(company, "client")
    assert re.search(rf"Received: from \S+ \(\S+ \[{re.escape(client)}\]\)", message)
    log = company.client.containers.get(company.container("mail")).logs().decode()
    assert re.search(rf"orig_client=\S*\[{re.escape(client)}\]", log), log[-2000:]


def test_nobody_but_the_relay_speaks_to_the_stores_port_25(company: OwnLab) -> None:
    store, alice = f"mail.{company.domain}", f"alice@{company.domain}"
    assert refusal(company, "workstation", store, STRANGER, alice) == "554"
    with changed(company, "mail", MAIN, "(?m)^smtpd_client_restrictions.*$", "", *POSTFIX):
        assert refusal(company, "workstation", store, STRANGER, alice) == "accepted"


def test_the_relay_passes_mail_on_for_the_store_alone(company: OwnLab) -> None:
    relay = f"relay.hosts.{company.domain}"
    for origin, server in (("client", f"mail.{company.domain}"), ("workstation", relay)):
        assert refusal(company, origin, server, STRANGER, ELSEWHERE) == "554"
    with changed(company, "relay", MAIN, "(?m)^mynetworks = .*$", "mynetworks = 10.0.0.0/8",
                 *POSTFIX):  # fmt: skip
        assert refusal(company, "workstation", relay, STRANGER, ELSEWHERE) == "accepted"


@pytest.mark.parametrize(
    ("sender", "recipient", "answer"),
    [
        (STRANGER, "alice@{}", "accepted"),  # the control
        (STRANGER, "info@{}", "accepted"),
        (STRANGER, "postmaster@{}", "accepted"),
        ("<>", "alice@{}", "accepted"),
        (STRANGER, "nobody@{}", "550"),
        (STRANGER, "alice@below.{}", "554"),
        (STRANGER, "somebody%elsewhere.example@{}", "554"),
        (STRANGER, "elsewhere.example!somebody@{}", "554"),
        (STRANGER, '"somebody@elsewhere.example"@{}', "554"),
        ("alice@{}", "alice@{}", "554"),
        ("no-domain", "alice@{}", "504"),
    ],
)
def test_the_relay_refuses_what_a_mail_server_refuses(
    company: OwnLab, sender: str, recipient: str, answer: str
) -> None:
    sender, recipient = sender.format(company.domain), recipient.format(company.domain)
    seen = refusal(company, "client", f"mail.{company.domain}", sender, recipient)
    assert seen == answer


def test_the_relay_gives_mail_to_the_right_store_only(
    company: OwnLab, password: dict[str, str], subject: str
) -> None:
    words = ("--from", STRANGER, "--to", f"alice@{company.domain}")
    name = f"mail.{company.domain}"
    with changed(company, "relay", MASTER, rf"cert_match={re.escape(name)}",
                 "cert_match=another.test", *POSTFIX):  # fmt: skip
        ran = swaks(company, "client", name, *words, "--header", f"Subject: {subject}")
        assert ran.status == 0, ran.said
        queue = ("postqueue", "-p")
        eventually(lambda: "certificate" in company.output("relay", *queue))
        assert not stored(company, password["alice"], subject)

    def arrived() -> str:  # a delivery begun before the reload may put it off once more
        company.output("relay", "postqueue", "-f")
        return stored(company, password["alice"], subject)

    eventually(arrived)


def test_what_users_send_leaves_by_the_relay_under_the_public_name(
    company: OwnLab, password: dict[str, str], subject: str
) -> None:
    name, alice = f"mail.{company.domain}", f"alice@{company.domain}"
    with ThreadPoolExecutor(1) as pool:
        sink = pool.submit(company.exec, "client", "python3", "-", input=SINK)
        sockets = ("cat", "/proc/net/tcp")
        eventually(lambda: ":0019 00000000:0000 0A" in company.output("client", *sockets))
        ran = swaks(company, "workstation", name, "--port", "587", "--tls", "--tls-verify",
                    "--auth", "PLAIN", "--auth-user", "alice", "--auth-password",
                    password["alice"], "--from", alice, "--header", f"Subject: {subject}",
                    "--to", f"somebody@[{address(company, 'client')}]")  # fmt: skip
        assert ran.status == 0, ran.said
        said = sink.result().out
    peer = re.search(r"^peer (\S+)$", said, re.MULTILINE)
    assert peer
    assert company.output("client", "dig", "+short", "-x", peer[1]).strip() == f"{name}."
    assert company.output("client", "dig", "+short", name).strip() == peer[1]
    assert f"EHLO {name}\n" in said
    assert f"MAIL FROM:<{alice}>" in said
    assert f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d={company.domain}" in said


def walk(lab: OwnLab) -> dict[str, str]:
    """Every name of the zone with its addresses, as a stranger finds them from NSEC to NSEC."""
    server = address(lab, "gateway", "internet")
    found = lab.output("client", "ldns-walk", f"@{server}", lab.domain)
    names = re.findall(rf"(?m)^(?:\S+\.)?{re.escape(lab.domain)}\.(?= )", found)
    return {n: lab.output("client", "dig", f"@{server}", "+short", n) for n in names}


def test_strangers_find_no_machine_of_the_inside(company: OwnLab) -> None:
    zone = walk(company)
    below = f".{company.domain}."
    hosts = {name.removesuffix(below) for name in zone if name.endswith(f".hosts{below}")}
    assert hosts == {"client.hosts", "resolver.hosts", "gateway.hosts"}
    assert f"intranet{below}" not in zone
    assert f"www{below}" in zone
    assert not [answer for answer in zone.values() if answer.startswith("10.")]
    with changed(company, "dns", NAMED, r"match-clients \{ 127", "match-clients { any; 127",
                 "rndc", "reconfig"):  # fmt: skip
        assert [answer for answer in walk(company).values() if answer.startswith("10.")]


@pytest.mark.parametrize("origin", ["client", "workstation"])
def test_both_views_are_signed_with_the_same_key(company: OwnLab, origin: str) -> None:
    for name in (f"www.{company.domain}", f"mail.{company.domain}"):
        words = ("delv", "-a", "/etc/bind/bind.keys", f"+root={company.domain}", name)
        assert "; fully validated" in company.output(origin, *words)
    keys = {company.output(o, "dig", "+short", "DNSKEY", company.domain)
            for o in ("client", "workstation")}  # fmt: skip
    assert len(keys) == 1


def test_private_addresses_have_names_inside_only(company: OwnLab) -> None:
    words = ("dig", "+short", "-x", address(company, "mail"))
    assert company.output("workstation", *words).strip() == f"mail.{company.domain}."
    assert not company.output("client", *words).strip()


def test_a_new_name_is_seen_in_both_views_and_nothing_restarts(company: OwnLab) -> None:
    before = company.pid("dns", "named")
    name = f"new.{company.domain}"
    company.replace("lab.yml", 'names: "@"', 'names: ["@", new]')
    company.must("up")
    try:
        public, inner = address(company, "gateway", "internet"), address(company, "front")
        for origin, where in (("client", public), ("workstation", inner)):
            ask = partial(company.output, origin, "dig", "+short", name)
            assert eventually(ask).strip() == where
    finally:
        company.replace("lab.yml", 'names: ["@", new]', 'names: "@"')
        company.must("up")
    assert company.pid("dns", "named") == before
