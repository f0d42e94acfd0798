"""A mail server: SMTP, submission, IMAP and POP3 (Postfix, Dovecot, OpenDKIM)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from labctl import mail_names
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
from labctl.spec.fields import Doc, MailAddress, MailLocal, Many, Table

STORE = "/var/vmail"
SPOOL = "/var/spool/postfix"

CAPABILITIES = frozenset(
    {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID", "KILL", "SYS_CHROOT"}
)

# Mozilla's intermediate profile, guidelines version 6
CIPHERS = ":".join(
    f"ECDHE-{signature}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for signature in ("ECDSA", "RSA")
)
CURVES = ("X25519MLKEM768", "X25519", "prime256v1", "secp384r1")

# SMFIC_OPTNEG of the milter protocol, version 6: the filter answers with its own
NEGOTIATION = b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff"


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


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """What is wrong with the users and aliases taken together."""
    if list(scope.services.values()).count("mail") > 1:
        yield Complaint((), f"{scope.domain} has more than one mail service", "keep one")
    yield from mail_names.user_problems(options.users)
    yield from mail_names.alias_problems(options.users, options.aliases, scope.domain)


def expand(service: Service, scope: Scope) -> Expansion:
    """Postfix, Dovecot and OpenDKIM, with the records, passwords and key that they need."""
    host = f"{service.name}.{scope.domain}"
    passwords = tuple(Want("password", secret(service, user)) for user in service.options.users)
    return Expansion(
        packages=frozenset(
            {"postfix", "dovecot-imapd", "dovecot-pop3d", "dovecot-lmtpd", "opendkim"}
        ),
        capabilities=CAPABILITIES,
        daemons=_daemons(host, service.name),
        ports=mail_names.PORTS,
        records=tuple(mail_names.records(service.name, scope.domain, dkim_key(service.name))),
        checks=tuple(_checks(service, scope.domain)),
        accounts=passwords,
        wants=(
            *passwords,
            Want("certificate", certificate(service), names=(host,)),
            Want("rsa-key", dkim_key(service.name)),
        ),
        volumes=(STORE, SPOOL),
        limits=Limits(memory=256 * 2**20, processes=200),
        host_name=host,
    )


def secret(service: Service, user: str) -> str:
    """The name of a user's password among the kept things."""
    return f"{service.name}/{user}"


def certificate(service: Service) -> str:
    """The name of the certificate among the kept things."""
    return f"service/{service.name}"


def dkim_key(name: str) -> str:
    """The name of the key that signs the service's mail, among the kept things."""
    return f"dkim/{name}"


def _daemons(host: str, selector: str) -> tuple[Daemon, ...]:
    tls = (f"/etc/ssl/certs/{host}.pem", f"/etc/ssl/private/{host}.key")
    return (
        # opendkim(8) reads its configuration anew at SIGUSR1
        Daemon(
            name="opendkim",
            run=("opendkim", "-f", "-x", "/etc/opendkim.conf"),
            user="opendkim",
            environment={"MALLOC_ARENA_MAX": "1"},
            prepare=(
                ("install", "-d", "-o", "opendkim", "-g", "postfix", "-m", "0750", "/run/opendkim"),
                ("rm", "-f", "/run/opendkim/opendkim.sock"),
            ),
            test=("opendkim", "-n", "-x", "/etc/opendkim.conf"),
            reload=("s6-svc", "-1", "/run/service/opendkim"),
            watches=("/etc/opendkim", "/etc/dkimkeys/"),
            ready=Probe("/run/opendkim/opendkim.sock", r"^\x00\x00\x00.O", NEGOTIATION),
        ),
        Daemon(
            name="dovecot",
            run=("dovecot", "-F"),
            prepare=(("install", "-d", "-o", "mail", "-g", "mail", "-m", "0700", STORE),),
            test=("doveconf", "-n"),
            reload=("doveadm", "reload"),
            watches=("/etc/dovecot/", *tls),
            ready=Probe(143, r"^\* OK "),
        ),
        # "postfix start-fg" leaves a shell between init and master, which dies of SIGTERM alone
        Daemon(
            name="postfix",
            run=("/usr/lib/postfix/sbin/master", "-s"),
            prepare=(("postfix", "check"),),
            test=("postfix", "check"),
            reload=("postfix", "reload"),
            watches=("/etc/postfix/", *tls),
            ready=Probe(25, r"^220 "),
        ),
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The configuration of the three daemons, their maps, keys and certificate."""
    host = f"{service.name}.{lab.domain}"
    leaf = kept.certificates[certificate(service)]
    key = kept.keys[dkim_key(service.name)]
    context = _context(service, lab, kept)
    source = service.source
    for name in ("main.cf", "master.cf", "mailboxes", "aliases", "senders"):
        yield File(f"/etc/postfix/{name}", Template(f"mail/{name}.j2", context), source=source)
    yield File("/etc/default/postfix", Template("mail/default.j2"), source=source)
    yield File(
        "/etc/dovecot/dovecot.conf", Template("mail/dovecot.conf.j2", context), source=source
    )
    yield File(
        "/etc/dovecot/users", Template("mail/users.j2", context), 0o640, "root", "dovecot", source
    )
    yield File("/etc/opendkim.conf", Template("mail/opendkim.conf.j2", context), source=source)
    yield File("/etc/opendkim/keys", Template("mail/opendkim-keys.j2", context), source=source)
    yield File(context["dkim_file"], key.pem.encode(), 0o600, "opendkim", "opendkim", source)
    yield File(f"/etc/ssl/certs/{host}.pem", leaf.chain.encode(), source=source)
    yield File(f"/etc/ssl/private/{host}.key", leaf.key.encode(), 0o600, source=source)


def _context(service: Service, lab: Lab, kept: Kept) -> dict[str, Any]:
    options: Options = service.options
    domain = lab.domain
    host = f"{service.name}.{domain}"
    aliases = mail_names.with_roles(options.users, options.aliases)
    return {
        "domain": domain,
        "host": host,
        "store": STORE,
        "users": options.users,
        "aliases": {
            name: [mail_names.full(address, domain) for address in addresses]
            for name, addresses in aliases.items()
        },
        "senders": mail_names.senders(options.users, aliases, domain),
        "passwords": {
            f"{user}@{domain}": hashed(kept.secrets[secret(service, user)], f"{user}@{domain}")
            for user in options.users
        },
        "certificate_file": f"/etc/ssl/certs/{host}.pem",
        "key_file": f"/etc/ssl/private/{host}.key",
        "ciphers": CIPHERS,
        "curves": CURVES,
        "selector": service.name,
        "dkim_file": f"/etc/dkimkeys/{service.name}.pem",
        "dkim_record": f"v=DKIM1; k=rsa; p={kept.keys[dkim_key(service.name)].public}",
    }


def hashed(password: str, login: str) -> str:
    """A password as Dovecot's scheme SSHA512 writes it, the same at every call.

    The salt comes from the password and the login. Passwords are made at random and long, so
    a fast hash gives nothing away.
    """
    salt = hmac.digest(password.encode(), login.encode(), "sha256")[:16]
    digest = hashlib.sha512(password.encode() + salt).digest()
    return "{SSHA512}" + base64.b64encode(digest + salt).decode()


OUTSIDE = "visitor@outside.example"
HINT = "who may send what is said in /etc/postfix/main.cf, at smtpd_..._restrictions"


def _checks(service: Service, domain: str) -> Iterable[Check]:
    """What must hold of the service, asked from another machine."""
    yield from _delivery_checks(service, domain)
    yield from _refusal_checks(service, domain)
    yield from _login_checks(service, domain)
    yield from _record_checks(service, domain)


def _mailbox(service: Service, domain: str, protocol: str) -> dict[str, Any]:
    """The first user's mailbox, as the clients are told of it."""
    user = service.options.users[0]
    return {
        "protocol": protocol,
        "server": f"{service.name}.{domain}",
        "login": user,
        "password": {"secret": secret(service, user)},
    }


def _delivery_checks(service: Service, domain: str) -> Iterable[Check]:
    server, user = f"{service.name}.{domain}", service.options.users[0]
    login = {"login": user, "password": {"secret": secret(service, user)}}
    arrived = {"code": 250, "verified": True, "delivered": True}
    for protocol in ("imap", "pop3"):
        yield Check(
            f"mail from outside reaches {user}, read by {protocol.upper()}",
            service.name,
            "smtp",
            {
                "server": server,
                "tls": "starttls",
                "sender": OUTSIDE,
                "recipient": f"{user}@{domain}",
                "read": _mailbox(service, domain, protocol),
            },
            {**arrived, "signed_by": ""},
            "the daemons' own words are in: labctl logs",
        )
    for port, tls in ((587, "starttls"), (465, "implicit")):
        yield Check(
            f"mail that {user} submits on port {port} arrives with a DKIM signature",
            service.name,
            "smtp",
            {
                "server": server,
                "port": port,
                "tls": tls,
                **login,
                "sender": f"{user}@{domain}",
                "recipient": f"postmaster@{domain}" if port == 465 else f"{user}@{domain}",
                "read": _mailbox(service, domain, "imap"),
            },
            {**arrived, "signed_by": domain},
            "OpenDKIM signs mail of users who logged in: /etc/opendkim.conf",
        )


def _refusal_checks(service: Service, domain: str) -> Iterable[Check]:
    server, user = f"{service.name}.{domain}", service.options.users[0]
    inside = f"{user}@{domain}"
    login = {"login": user, "password": {"secret": secret(service, user)}}
    refused: tuple[tuple[str, dict[str, Any], dict[str, Any]], ...] = (
        (
            "mail from outside to outside is refused",
            {"sender": OUTSIDE, "recipient": "somebody@elsewhere.example"},
            {"code": 554, "stage": "rcpt", "auth_offered": False},
        ),
        (
            f"a stranger who claims to be {inside} is refused",
            {"sender": inside, "recipient": inside},
            {"code": 554},
        ),
        (
            "mail for an unknown user is refused",
            {"sender": OUTSIDE, "recipient": f"nobody-by-this-name@{domain}"},
            {"code": 550},
        ),
        (
            "a password is refused before STARTTLS",
            {"port": 587, **login},
            {"code": 530, "auth_offered": False},
        ),
        (
            f"{user} may not send under another's address",
            {"port": 587, "tls": "starttls", **login, "sender": OUTSIDE, "recipient": inside},
            {"code": 553, "stage": "rcpt"},
        ),
    )
    for name, ask, expect in refused:
        yield Check(name, service.name, "smtp", {"server": server, **ask}, expect, HINT)


def _login_checks(service: Service, domain: str) -> Iterable[Check]:
    user = service.options.users[0]
    for protocol, port in (("imap", 143), ("pop3", 110)):
        ask = {**_mailbox(service, domain, protocol), "port": port}
        yield Check(
            f"{protocol.upper()} refuses a password without TLS",
            service.name,
            protocol,
            {**ask, "tls": "none"},
            {"login": False, "reply": {"matches": "(?i)disallowed|disabled|secure|tls"}},
            "Dovecot refuses by: ssl = required",
        )
        yield Check(
            f"{user} logs in by {protocol.upper()} after STARTTLS",
            service.name,
            protocol,
            {**ask, "tls": "starttls"},
            {"login": True, "verified": True},
            "logins are in /etc/dovecot/users",
        )


def _record_checks(service: Service, domain: str) -> Iterable[Check]:
    name = service.name
    for owner, kind, answer in (
        (domain, "MX", {"contains": f"10 {name}.{domain}."}),
        (domain, "TXT", {"contains": "v=spf1 mx -all"}),
        (f"{name}._domainkey.{domain}", "TXT", {"matches": "v=DKIM1; k=rsa; p=MII"}),
        (f"_dmarc.{domain}", "TXT", {"matches": "v=DMARC1; p=reject"}),
        (f"_submissions._tcp.{domain}", "SRV", {"contains": f"0 1 465 {name}.{domain}."}),
    ):
        yield Check(
            f"{kind} of {owner} is published",
            name,
            "dns",
            {"name": owner, "type": kind},
            {"status": "NOERROR", "answers": answer},
            "the records of a mail domain come from the mail service itself",
        )
