"""The Postfix of a machine: what a mail server and a relay in front of one have in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from labctl import mail_names
from labctl.model import HOSTS, Daemon, File, Kept, Lab, Probe, Service, Template

PACKAGES = frozenset({"postfix"})
SPOOL = "/var/spool/postfix"
PROCESSES = 20  # of one of its programs at most

# Mozilla's intermediate profile, guidelines version 6
CIPHERS = ":".join(
    f"ECDHE-{signature}-{cipher}"
    for cipher in ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")
    for signature in ("ECDSA", "RSA")
)
CURVES = ("X25519MLKEM768", "X25519", "prime256v1", "secp384r1")

# The queue outlives the machine, and on the next one Postfix may be another number. What the
# number owned there gets its owner back, of a queue of its own nothing (2 ms). Mail from this
# machine's programs lies in maildrop and belongs to whoever wrote it.
_OWNERS: tuple[tuple[str, ...], ...] = (
    ("find", SPOOL, "-mindepth", "1", "-path", f"{SPOOL}/maildrop/*", "-prune", "-o",
     "!", "-user", "root", "!", "-user", "postfix", "-exec", "chown", "-h", "postfix", "{}", "+"),
    ("find", SPOOL, "-mindepth", "1", "-maxdepth", "1", "(", "-name", "maildrop", "-o",
     "-name", "public", ")", "!", "-group", "postdrop", "-exec", "chgrp", "postdrop", "{}", "+"),
)  # fmt: skip


def daemon(host: str) -> Daemon:
    """Postfix as a mail server named ``host``."""
    # "postfix start-fg" puts a shell between init and master; SIGTERM would reach the shell alone
    return Daemon(
        name="postfix",
        run=("/usr/lib/postfix/sbin/master", "-s"),
        prepare=(*_OWNERS, ("postfix", "check")),
        test=("postfix", "check"),
        reload=("postfix", "reload"),
        watches=("/etc/postfix/", *tls_files(host)),
        ready=Probe(mail_names.PORTS["smtp"], r"^220 "),
    )


def tls_files(host: str) -> tuple[str, str]:
    """Where the certificate of a mail server is, and its key."""
    return f"/etc/ssl/certs/{host}.pem", f"/etc/ssl/private/{host}.key"


def certificate(mail: str) -> str:
    """The name of a mail service's certificate among the kept things."""
    return f"service/{mail}"


def context(mail: str, domain: str) -> dict[str, Any]:
    """What the configuration of every Postfix says that serves ``domain`` as ``mail``.

    ``outward`` and ``inward`` are further options of its clients, in front of the Internet and
    of the mail store.
    """
    host = f"{mail}.{domain}"
    chain, key = tls_files(host)
    return {
        "domain": domain,
        "host": host,
        "certificate_file": chain,
        "key_file": key,
        "ciphers": CIPHERS,
        "curves": CURVES,
        "processes": PROCESSES,
        "outward": (),
        "inward": (),
    }


def to_partner(service: Service, lab: Lab, host: str) -> tuple[str, ...]:
    """Options of the client by which relay and store talk to each other, from ``service``.

    Both go by the name ``host``, and a server that hears its own name from another takes that
    for a circle: the client says the machine's instead. It talks to nobody who cannot show
    the certificate of that name.
    """
    return (
        f"myhostname={service.machine}.{HOSTS}.{lab.domain}",
        "smtp_tls_security_level=secure",
        f"smtp_tls_secure_cert_match={host}",
    )


def relay_of(mail: str, lab: Lab) -> Service | None:
    """The relay in front of a mail service, where there is one."""
    return next((relay for relay in lab.of_kind("relay") if relay.options.mail == mail), None)


def files(
    mail: str, kept: Kept, templates: Mapping[str, str], names: Mapping[str, Any], source: str
) -> Iterable[File]:
    """The files of ``templates`` (template → path), and what every Postfix has besides.

    ``names`` are what the templates may use: ``context`` and more.
    """
    leaf = kept.certificates[certificate(mail)]
    for name, path in {"postfix/default": "/etc/default/postfix", **templates}.items():
        yield File(path, Template(f"{name}.j2", names), source=source)
    yield File(names["certificate_file"], leaf.chain.encode(), source=source)
    yield File(names["key_file"], leaf.key.encode(), 0o600, source=source)
