"""The relay kind, and the mail store behind one."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from labctl import kinds, postfix
from labctl.kinds import Scope, mail, relay
from labctl.model import Kept, Key, Lab, Leaf, Machine, Service
from labctl.render import templates

DOMAIN = "lab1.test"
STORE, RELAY = "10.0.1.20", "10.0.0.5"
KEPT = Kept(
    root="",
    certificates={"service/mail": Leaf("CHAIN\n", "KEY\n")},
    keys={"dkim/mail": Key("PRIVATE\n", "MIIpublic")},
    secrets={f"mail/{user}": user for user in ("alice", "bob")},
)
SCOPE = Scope("lab1", DOMAIN, (), (), {"mail": "mail", "relay": "relay"}, {})


def services() -> dict[str, Service]:
    users = mail.Options(users=("alice", "bob"), aliases={"info": ("alice", "x@other.test")})
    found = (
        Service("mail", "mail", "store", users),
        Service("relay", "relay", "gate", relay.Options("mail")),
    )
    return {
        one.name: replace(one, expansion=kinds.load(one.kind).expand(one, SCOPE)) for one in found
    }


def machine(name: str, service: str, address: str) -> Machine:
    return Machine(name, (service,), frozenset(), frozenset(), {"x": address}, f"{name}.{DOMAIN}")


def lab(with_relay: bool = True) -> Lab:
    placed = services()
    machines = [machine("store", "mail", STORE), machine("gate", "relay", RELAY)]
    if not with_relay:
        del placed["relay"], machines[1]
    return Lab("lab1", "", DOMAIN, placed, (), {m.name: m for m in machines}, ())


def rendered(service: str, placed: Lab | None = None) -> dict[str, str]:
    placed = placed or lab()
    found = kinds.load(placed.services[service].kind).files(placed.services[service], placed, KEPT)
    return {
        f.path: f.content.decode() if isinstance(f.content, bytes) else templates.text(f.content)
        for f in found
    }


def settings(service: str, placed: Lab | None = None) -> dict[str, str]:
    """main.cf as Postfix reads it: a line that starts with a space continues the one before."""
    text = rendered(service, placed)["/etc/postfix/main.cf"]
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    joined = "\n".join(lines).replace("\n ", " ")
    found = [tuple(map(str.strip, line.split("=", 1))) for line in joined.splitlines()]
    names = [name for name, _ in found]
    assert len(names) == len(set(names)), "a setting stands there twice"
    return {name: " ".join(value.split()) for name, value in found}


def client_options(service: str, client: str) -> list[str]:
    text = rendered(service)["/etc/postfix/master.cf"]
    match = re.search(rf"^{client}\s+unix.*\n((?:    -o .*\n)*)", text, re.MULTILINE)
    assert match
    return [line.removeprefix("    -o ") for line in match[1].splitlines()]


def test_a_lab_file_cannot_name_it() -> None:
    assert "relay" not in kinds.names()
    assert kinds.tier("relay") == "public"


def test_it_knows_everybody_who_gets_mail_and_nobody_else() -> None:
    lines = rendered("relay")["/etc/postfix/recipients"].splitlines()
    names = {line.split("@")[0] for line in lines if not line.startswith("#")}
    assert names == {"alice", "bob", "info", "postmaster", "abuse", "hostmaster", "webmaster",
                     "root", "mailer-daemon"}  # fmt: skip
    assert all(line.startswith("#") or line.endswith(f"@{DOMAIN} OK") for line in lines)


def test_to_the_internet_it_is_the_mail_server() -> None:
    said = settings("relay")
    assert said["myhostname"] == "mail.lab1.test"
    assert said["smtpd_tls_chain_files"] == settings("mail")["smtpd_tls_chain_files"]
    files = rendered("relay")
    assert files["/etc/ssl/certs/mail.lab1.test.pem"] == "CHAIN\n"
    modes = {f.path: f.mode for f in relay.files(lab().services["relay"], lab(), KEPT)}
    assert modes["/etc/ssl/private/mail.lab1.test.key"] == 0o600


def test_it_relays_for_the_store_alone() -> None:
    said = settings("relay")
    assert said["mynetworks"] == f"127.0.0.0/8, {STORE}/32"
    assert said["smtpd_relay_restrictions"] == "permit_mynetworks, reject_unauth_destination"
    assert said["relay_transport"] == f"relay:[{STORE}]"
    assert not [name for name in said if "sasl" in name]


def test_it_refuses_what_a_mail_server_without_one_refuses() -> None:
    alone, front = settings("mail", lab(with_relay=False)), settings("relay")
    refusing = {name for name in alone if re.match(r"smtpd_(?!tls|sasl|milters)", name)}
    refusing |= {"strict_rfc821_envelopes", "swap_bangpath", "allow_percent_hack"}
    refusing -= {"smtpd_sender_login_maps"}
    assert {name: front.get(name) for name in refusing} == {name: alone[name] for name in refusing}


def test_the_store_takes_mail_from_the_relay_alone_and_sends_by_it() -> None:
    said = settings("mail")
    access = f"check_client_access inline:{{ {{ {RELAY} = OK }} }}, reject"
    assert said["smtpd_client_restrictions"] == f"permit_mynetworks, {access}"
    assert said["submission_client_restrictions"] == ""
    assert said["relayhost"] == f"[{RELAY}]"
    assert said["mynetworks"] == "127.0.0.1/32"


def test_the_store_logs_whom_mail_came_from() -> None:
    assert settings("mail")["smtpd_authorized_xforward_hosts"] == RELAY
    assert "smtp_send_xforward_command=yes" in client_options("relay", "relay")
    assert client_options("relay", "smtp") == []  # other servers learn nothing of our clients


@pytest.mark.parametrize(
    ("service", "client", "own"), [("relay", "relay", "gate"), ("mail", "smtp", "store")]
)
def test_both_talk_to_the_right_one_only_and_under_another_name(
    service: str, client: str, own: str
) -> None:
    options = client_options(service, client)
    assert options[:3] == [
        f"myhostname={own}.hosts.lab1.test",
        "smtp_tls_security_level=secure",
        "smtp_tls_secure_cert_match=mail.lab1.test",
    ]


def test_without_a_relay_the_store_stands_on_the_internet() -> None:
    said = settings("mail", lab(with_relay=False))
    assert not {"relayhost", "smtpd_client_restrictions", "smtpd_authorized_xforward_hosts"} & {
        *said
    }


def test_firewalls_know_which_connections_it_opens() -> None:
    flows = services()["relay"].expansion.flows
    assert {(flow.to, flow.port) for flow in flows} == {("mail", 25), ("", 25)}


@pytest.mark.parametrize("service", ["mail", "relay"])
def test_the_queue_outlives_the_machine_and_gets_its_owner_back(service: str) -> None:
    expansion = services()[service].expansion
    assert postfix.SPOOL in expansion.volumes
    prepare = next(d.prepare for d in expansion.daemons if d.name == "postfix")
    assert prepare[-1] == ("postfix", "check")
    assert [command[0] for command in prepare[:-1]] == ["find", "find"]
