"""A mail server: SMTP, submission, IMAP and POP3 (Postfix, Dovecot, OpenDKIM)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from labctl import mail_names, postfix
from labctl.kinds import Complaint, Scope
from labctl.model import (
    Check,
    Daemon,
    Expansion,
    File,
    Kept,
    Lab,
    Limits,
    Probe,
    Service,
    Template,
    Want,
)
from labctl.spec.fields import Disk, Doc, Integer, MailAddress, MailLocal, Many, Table

STORE = "/var/vmail"

CAPABILITIES = frozenset(
    {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "KILL", "SYS_CHROOT"}
)

CLIENTS = frozenset({"curl", "libnet-ssleay-perl", "mutt", "swaks"})

# where a class shares the service: bytes of one mailbox and of all, messages of one a minute
MAILBOX, MAILBOXES, RATE = 20 * 2**20, 700 * 2**20, 60

TEMPLATES = {
    "mail/main.cf": "/etc/postfix/main.cf",
    "mail/master.cf": "/etc/postfix/master.cf",
    "mail/mailboxes": "/etc/postfix/mailboxes",
    "mail/aliases": "/etc/postfix/aliases",
    "mail/senders": "/etc/postfix/senders",
    "mail/dovecot.conf": "/etc/dovecot/dovecot.conf",
    "mail/opendkim.conf": "/etc/opendkim.conf",
    "mail/opendkim-keys": "/etc/opendkim/keys",
}

OUTSIDE = "visitor@outside.example"
CLEARTEXT = {"login": False, "reply": {"matches": "(?i)disallowed"}}
WELCOME = {"login": True, "verified": True}

# SMFIC_OPTNEG of the milter protocol, version 6: the filter answers with its own
NEGOTIATION = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"
OPENDKIM = Daemon(
    name="opendkim",
    run=("opendkim", "-f", "-x", "/etc/opendkim.conf"),
    user="opendkim",
    environment={"MALLOC_ARENA_MAX": "1"},
    stop_signal="KILL",  # it has nothing to lose and takes 5 s over TERM
    prepare=(
        ("install", "-d", "-o", "opendkim", "-g", "postfix", "-m", "0750", "/run/opendkim"),
        ("rm", "-f", "/run/opendkim/opendkim.sock"),
    ),
    test=("s6-setuidgid", "opendkim", "opendkim", "-n", "-x", "/etc/opendkim.conf"),
    reload=("s6-svc", "-1", "/run/service/opendkim"),  # it reads its files anew at SIGUSR1
    watches=("/etc/opendkim", "/etc/dkimkeys/"),
    ready=Probe("/run/opendkim/opendkim.sock", r"^\x00\x00\x00.O", NEGOTIATION),
)


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a mail service."""

    users: Annotated[
        tuple[str, ...], Many(MailLocal()), Doc("mailboxes, each with a password that labctl makes")
    ]
    aliases: Annotated[
        Mapping[str, tuple[str, ...]],
        Table(MailLocal(), Many(MailAddress())),
        Doc("addresses without a mailbox, and to whom their mail goes"),
    ] = field(default_factory=dict)
    mailbox: Annotated[
        int, Disk(), Doc("what a mailbox holds; all that its machine's disk does")
    ] = 0
    rate: Annotated[
        int, Integer(1, 100_000), Doc("messages a minute from one address; as many as come")
    ] = 0


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """What is wrong with the users and aliases taken together."""
    if list(scope.services.values()).count("mail") > 1:
        yield Complaint((), f"{scope.domain} has more than one mail service", "keep one")
    yield from mail_names.user_problems(options.users)
    yield from mail_names.alias_problems(options.users, options.aliases, scope.domain)


def for_class(options: Options, students: Collection[str]) -> Options:
    """A mailbox for each student beside those of the lab; an id goes before an alias.

    Nobody's mail fills the disk, and nobody sends faster than a person may.
    """
    aliases = {name: to for name, to in options.aliases.items() if name not in students}
    users = tuple(dict.fromkeys((*options.users, *students)))
    return replace(
        options,
        users=users,
        aliases=aliases,
        mailbox=options.mailbox or min(MAILBOX, MAILBOXES // len(users)),
        rate=options.rate or RATE,
    )


def expand(service: Service, scope: Scope) -> Expansion:
    """Postfix, Dovecot and OpenDKIM, with the records, passwords and key that they need."""
    host = f"{service.name}.{scope.domain}"
    passwords = tuple(Want("password", secret(service, user)) for user in service.options.users)
    return Expansion(
        packages=postfix.PACKAGES | {"dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd", "opendkim"},
        capabilities=CAPABILITIES,
        daemons=_daemons(host),
        ports=mail_names.PORTS,
        records=tuple(mail_names.records(service.name, scope.domain, dkim_key(service.name))),
        checks=tuple(_checks(service, scope.domain)),
        accounts=passwords,
        wants=(
            *passwords,
            Want("certificate", postfix.certificate(service.name), names=(host,)),
            Want("rsa-key", dkim_key(service.name)),
        ),
        volumes=(STORE, postfix.SPOOL),
        limits=_limits(len(service.options.users)),
        host_name=host,
    )


def _limits(users: int) -> Limits:
    """What so many users need who all come at once."""
    return Limits(memory=max(256, 8 * users) * 2**20, processes=max(200, 8 * users))


def secret(service: Service, user: str) -> str:
    """The name of a user's password among the kept things."""
    return f"{service.name}/{user}"


def dkim_key(name: str) -> str:
    """The name of the key that signs the service's mail, among the kept things."""
    return f"dkim/{name}"


def _daemons(host: str) -> tuple[Daemon, ...]:
    dovecot = Daemon(
        name="dovecot",
        run=("dovecot", "-F"),
        prepare=(("install", "-d", "-o", "mail", "-g", "mail", "-m", "0700", STORE),),
        test=("doveconf", "-n"),
        reload=("doveadm", "reload"),
        watches=("/etc/dovecot/", *postfix.tls_files(host)),
        ready=Probe(mail_names.PORTS["imap"], r"^\* OK "),
    )
    return OPENDKIM, dovecot, postfix.daemon(host)


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The configuration of the three daemons, their maps, keys and certificate."""
    key = kept.keys[dkim_key(service.name)]
    context = _context(service, lab, kept) | _maps(service, lab.domain, kept)
    source = service.source
    yield from postfix.files(service.name, kept, TEMPLATES, context, source)
    logins = Template("mail/users.j2", context)
    yield File("/etc/dovecot/users", logins, 0o640, "root", "dovecot", source)
    yield File(context["dkim_file"], key.pem.encode(), 0o600, "opendkim", "opendkim", source)


def _context(service: Service, lab: Lab, kept: Kept) -> dict[str, Any]:
    common = postfix.context(service.name, lab.domain)
    relay = postfix.relay_of(service.name, lab)
    return common | {
        "relay": lab.address_of(relay.name) if relay else "",
        "outward": postfix.to_partner(service, lab, common["host"]) if relay else (),
        "processes": max(postfix.PROCESSES, len(service.options.users)),
        "mailbox": service.options.mailbox,
        "rate": service.options.rate,
        "store": STORE,
        "selector": service.name,
        "dkim_file": f"/etc/dkimkeys/{service.name}.pem",
        "dkim_record": mail_names.DKIM.format(kept.keys[dkim_key(service.name)].public),
    }


def _maps(service: Service, domain: str, kept: Kept) -> dict[str, Any]:
    options: Options = service.options
    aliases = mail_names.with_roles(options.users, options.aliases)
    logins = {user: f"{user}@{domain}" for user in options.users}
    return {
        "users": options.users,
        "aliases": {
            name: [mail_names.full(address, domain) for address in addresses]
            for name, addresses in aliases.items()
        },
        "senders": mail_names.senders(options.users, aliases, domain),
        "passwords": {
            login: hashed(kept.secrets[secret(service, user)], login)
            for user, login in logins.items()
        },
    }


def hashed(password: str, login: str) -> str:
    """A password as Dovecot's scheme SSHA512 writes it, the same at every call.

    The salt comes from the password and the login. Passwords are made at random and long, so
    a fast hash gives nothing away.
    """
    salt = hmac.digest(password.encode(), login.encode(), "sha256")[:16]
    digest = hashlib.sha512(password.encode() + salt).digest()
    return "{SSHA512}" + base64.b64encode(digest + salt).decode()


def _checks(service: Service, domain: str) -> Iterable[Check]:
    """What must hold of the service, asked from another machine, for its first user."""
    if not service.options.users:
        return
    user, server = service.options.users[0], {"server": f"{service.name}.{domain}"}
    login = {"login": user, "password": {"secret": secret(service, user)}}
    questions = (
        *_deliveries({**server, "recipient": f"{user}@{domain}"}, login),
        *_refusals({**server, "recipient": f"{user}@{domain}"}, login),
        *_logins(server, login),
        *mail_names.record_questions(service.name, domain),
    )
    for name, client, ask, expect, hint in questions:
        seconds = 45 if "read" in ask else 20
        yield Check(name, service.name, client, ask, expect, hint, seconds=seconds)


def _deliveries(ask: dict[str, Any], login: dict[str, Any]) -> Iterable[mail_names.Question]:
    """Messages that must arrive: from outside, and from the user by both submission ports."""
    user, inside = login["login"], ask["recipient"]
    arrived = {"code": 250, "verified": True, "delivered": True}
    for protocol in ("imap", "pop3"):
        read = {"protocol": protocol, "server": ask["server"], **login}
        yield (
            f"mail from outside reaches {user}, read by {protocol.upper()}",
            "smtp",
            {**ask, "tls": "starttls", "sender": OUTSIDE, "read": read},
            {**arrived, "signed_by": ""},
            "Postfix, OpenDKIM and Dovecot each say in the log what they did with it",
        )
    for port, tls in ((587, "starttls"), (465, "implicit")):
        read = {"protocol": "imap", "server": ask["server"], **login}
        yield (
            f"what {user} sends by port {port} arrives with a DKIM signature",
            "smtp",
            {**ask, **login, "port": port, "tls": tls, "sender": inside, "read": read},
            {**arrived, "signed_by": inside.partition("@")[2]},
            "OpenDKIM signs mail of users who logged in: /etc/opendkim.conf",
        )


def _refusals(ask: dict[str, Any], login: dict[str, Any]) -> Iterable[mail_names.Question]:
    """Messages that must not get in."""
    user, inside = login["login"], ask["recipient"]
    stranger = {"sender": OUTSIDE}
    elsewhere = {**stranger, "recipient": "somebody@elsewhere.example"}
    unknown = {**stranger, "recipient": f"nobody-by-this-name@{inside.partition('@')[2]}"}
    secure = {"port": 587, "tls": "starttls", **login}
    for name, more, expect in (
        ("mail from outside to outside", elsewhere, {"code": 554, "stage": "rcpt"}),
        (f"a stranger who claims to be {user}", {"sender": inside}, {"code": 554}),
        ("mail for an unknown user", unknown, {"code": 550, "stage": "rcpt"}),
        ("a message with a bare line feed", {**stranger, "bare_lf": True}, {"code": 550}),
        ("a password on port 25", login, {"code": 503, "auth_offered": False}),
        ("a password before STARTTLS", {"port": 587, **login}, {"code": 530}),
        (f"{user} under another's address", {**secure, **stranger}, {"code": 553}),
    ):
        hint = "/etc/postfix/main.cf says who may send what: smtpd_..._restrictions"
        yield f"{name} is refused", "smtp", {**ask, **more}, expect, hint


def _logins(server: dict[str, Any], login: dict[str, Any]) -> Iterable[mail_names.Question]:
    """Logins to the mailbox: none in the clear, and one after STARTTLS."""
    for protocol, port in (("imap", 143), ("pop3", 110)):
        ask = {**server, **login, "port": port}
        for name, tls, expect, hint in (
            (
                "a password without TLS is refused",
                "none",
                CLEARTEXT,
                "/etc/dovecot/dovecot.conf: ssl",
            ),
            ("a login after STARTTLS works", "starttls", WELCOME, "logins: /etc/dovecot/users"),
        ):
            yield f"{protocol.upper()}: {name}", protocol, {**ask, "tls": tls}, expect, hint
