"""The mail kind: names, refused inputs, rendered files."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from labctl import mail_names
from labctl.kinds import Complaint, Scope, mail
from labctl.model import AddressOf, Kept, Key, Lab, Leaf, Service

DOMAIN = "lab1.test"
TEMPLATES = Path(__file__).parents[3] / "templates"
KEPT = Kept(
    root="",
    certificates={"service/mail": Leaf("CHAIN\n", "KEY\n")},
    keys={"dkim/mail": Key("PRIVATE\n", "MIIpublic")},
    secrets={f"mail/{user}": f"secret of {user}" for user in ("alice", "bob", "a+b")},
)


def options(*users: str, **aliases: tuple[str, ...]) -> mail.Options:
    return mail.Options(users=users, aliases=aliases)


def scope(services: Mapping[str, str] | None = None) -> Scope:
    return Scope("lab1", DOMAIN, (), (), services or {"mail": "mail"}, {})


def service(chosen: mail.Options) -> Service:
    return Service("mail", "mail", "mail", chosen, source="lab.yml:3")


def lab(chosen: mail.Options) -> Lab:
    return Lab("lab1", "", DOMAIN, {"mail": service(chosen)}, (), {}, ())


def complaints(chosen: mail.Options) -> list[Complaint]:
    return list(mail.problems(chosen, scope()))


def rendered(chosen: mail.Options) -> dict[str, str]:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,
        keep_trailing_newline=True,
    )
    texts = {}
    for file in mail.files(service(chosen), lab(chosen), KEPT):
        if isinstance(file.content, bytes):
            texts[file.path] = file.content.decode()
        else:
            template = environment.get_template(file.content.name)
            texts[file.path] = template.render(**file.content.context)
    return texts


def entries(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {key: value for key, _, value in (line.partition(" ") for line in lines)}


@pytest.mark.parametrize(
    ("chosen", "path", "message"),
    [
        (options(), ("users",), "a mail service needs a user"),
        (options("bob", "bob"), ("users", 1), "user bob is listed twice"),
        (options("-f"), ("users", 0), "user -f starts with a hyphen"),
        (options("bob", bob=("bob",)), ("aliases", "bob"), "bob is a user and an alias"),
        (options("bob", info=()), ("aliases", "info"), "alias info goes to nobody"),
        (
            options("bob", info=("bob", "eve")),
            ("aliases", "info", 1),
            "eve@lab1.test is neither a user nor an alias",
        ),
        (
            options("bob", info=("eve@LAB1.test",)),
            ("aliases", "info", 0),
            "eve@lab1.test is neither a user nor an alias",
        ),
        (options("bob", a=("a",)), ("aliases", "a"), "alias loop: a → a"),
        (
            options("bob", a=("b",), b=("bob", "c"), c=("a@lab1.test",)),
            ("aliases", "a"),
            "alias loop: a → b → c → a",
        ),
        (
            options("bob", postmaster=("abuse",)),
            ("aliases", "postmaster"),
            "alias loop: postmaster → abuse → postmaster",
        ),
    ],
)
def test_what_is_wrong_is_said(
    chosen: mail.Options, path: tuple[str | int, ...], message: str
) -> None:
    assert (path, message) in [(c.path, c.message) for c in complaints(chosen)]


def test_a_right_mail_service_has_no_problem() -> None:
    chosen = options("alice", "bob", info=("alice", "sales"), sales=("bob", "eve@other.test"))
    assert complaints(chosen) == []


def test_a_second_mail_service_is_refused() -> None:
    found = list(mail.problems(options("bob"), scope({"mail": "mail", "post": "mail"})))
    assert [c.message for c in found] == ["lab1.test has more than one mail service"]


@given(
    st.dictionaries(
        st.sampled_from("abcdefgh"),
        st.lists(st.sampled_from(["alice", *"abcdefgh"]), max_size=4).map(tuple),
        max_size=8,
    )
)
def test_a_loop_is_found_exactly_where_an_alias_reaches_itself(
    aliases: dict[str, tuple[str, ...]],
) -> None:
    rings = list(mail_names.loops(aliases, DOMAIN))
    for ring in rings:
        for name, following in zip(ring, (*ring[1:], ring[0]), strict=True):
            assert following in aliases[name]
    assert bool(rings) == any(_reaches_itself(name, aliases) for name in aliases)


def _reaches_itself(name: str, aliases: dict[str, tuple[str, ...]]) -> bool:
    waiting, seen = list(aliases[name]), set()
    while waiting:
        current = waiting.pop()
        if current == name:
            return True
        if current not in seen:
            seen.add(current)
            waiting += aliases.get(current, ())
    return False


def test_a_chain_of_thousands_of_aliases_is_followed() -> None:
    aliases = {f"a{n}": (f"a{n + 1}",) for n in range(3000)} | {"a3000": ("alice",)}
    assert not list(mail_names.loops(aliases, DOMAIN))
    assert mail_names.receivers("a0", aliases, DOMAIN) == ("alice",)


def test_the_first_user_answers_for_the_domain() -> None:
    aliases = entries(rendered(options("alice", "bob"))["/etc/postfix/aliases"])
    assert aliases["postmaster@lab1.test"] == "alice@lab1.test"
    assert aliases["abuse@lab1.test"] == "postmaster@lab1.test"


def test_roles_that_the_lab_gives_away_stay_given() -> None:
    chosen = options("alice", "bob", abuse=("bob",), postmaster=("bob",))
    aliases = entries(rendered(chosen)["/etc/postfix/aliases"])
    assert aliases["abuse@lab1.test"] == aliases["postmaster@lab1.test"] == "bob@lab1.test"


def test_an_address_belongs_to_whom_its_mail_reaches() -> None:
    chosen = options("alice", "bob", info=("bob", "x@other.test"), all=("info", "alice"))
    owners = entries(rendered(chosen)["/etc/postfix/senders"])
    assert owners["alice@lab1.test"] == "alice@lab1.test"
    assert owners["info@lab1.test"] == "bob@lab1.test"
    assert owners["all@lab1.test"] == "alice@lab1.test, bob@lab1.test"
    assert "x@other.test" not in owners


def test_domains_of_any_script_are_carried_in_their_ascii_form() -> None:
    aliases = entries(rendered(options("alice", far=("bob@Bücher.test",)))["/etc/postfix/aliases"])
    assert aliases["far@lab1.test"] == "bob@xn--bcher-kva.test"


def test_passwords_are_salted_hashes_and_the_same_each_time() -> None:
    login = "alice@lab1.test"
    hashed = mail.hashed("secret", login)
    raw = base64.b64decode(hashed.removeprefix("{SSHA512}"))
    assert raw[:64] == hashlib.sha512(b"secret" + raw[64:]).digest()
    assert hashed == mail.hashed("secret", login)
    assert hashed != mail.hashed("secret", "bob@lab1.test")


def test_no_password_stands_in_any_file() -> None:
    for text in rendered(options("alice", "a+b")).values():
        assert "secret of" not in text


def test_secrets_are_readable_by_their_daemon_alone() -> None:
    chosen = options("alice")
    modes = {f.path: (f.mode, f.owner) for f in mail.files(service(chosen), lab(chosen), KEPT)}
    assert modes["/etc/ssl/private/mail.lab1.test.key"] == (0o600, "root")
    assert modes["/etc/dkimkeys/mail.pem"] == (0o600, "opendkim")
    assert modes["/etc/dovecot/users"] == (0o640, "root")


def test_every_file_belongs_to_a_daemon_that_watches_it() -> None:
    chosen = options("alice")
    daemons = mail.expand(service(chosen), scope()).daemons
    watched = tuple(prefix for daemon in daemons for prefix in daemon.watches)
    for path in rendered(chosen).keys() - {"/etc/default/postfix"}:
        assert path.startswith(watched), path


def test_the_records_of_a_mail_domain() -> None:
    records = mail.expand(service(options("alice")), scope()).records
    values = {(r.name, r.type): r.value for r in records}
    assert values["mail", "A"] == AddressOf("mail")
    assert values["@", "MX"] == "10 mail.lab1.test."
    assert values["@", "TXT"] == "v=spf1 mx -all"
    assert values["_submissions._tcp", "SRV"] == "0 1 465 mail.lab1.test."
    assert ("mail._domainkey", "TXT") in values
    assert ("_dmarc", "TXT") in values


def test_each_check_has_a_name_of_its_own_and_no_password() -> None:
    checks = mail.expand(service(options("alice", "bob")), scope()).checks
    assert len({check.name for check in checks}) == len(checks)
    passwords = [c.ask["password"] for c in checks if "password" in c.ask]
    assert passwords
    assert all(password == {"secret": "mail/alice"} for password in passwords)


def test_a_service_without_users_expands_to_no_checks() -> None:
    assert mail.expand(service(options()), scope()).checks == ()


def test_a_class_has_a_mailbox_for_each_student() -> None:
    ours = mail.for_class(options("alice", info=("alice",), s01=("alice",)), ("s01", "alice"))
    assert ours.users == ("alice", "s01")
    assert list(ours.aliases) == ["info"]
    assert not list(mail.problems(ours, scope()))


def test_all_mailboxes_of_a_class_fit_on_its_disk() -> None:
    many = mail.for_class(options("alice"), [f"s{n}" for n in range(1000)])
    few = mail.for_class(options("alice"), ["s1"])
    assert many.mailbox * len(many.users) <= mail.MAILBOXES
    assert few.mailbox == mail.MAILBOX
    assert mail.for_class(replace(few, mailbox=5, rate=7), ["s1"]).mailbox == 5


def test_a_mailbox_and_a_sender_have_limits_where_the_lab_says_so() -> None:
    without = rendered(options("alice"))
    assert "quota" not in without["/etc/dovecot/dovecot.conf"]
    assert "rate_limit" not in without["/etc/postfix/main.cf"]
    limited = rendered(replace(options("alice"), mailbox=2**20, rate=30))
    assert "storage_size = 1048576\n" in limited["/etc/dovecot/dovecot.conf"]
    assert "smtpd_client_message_rate_limit = 30\n" in limited["/etc/postfix/main.cf"]
