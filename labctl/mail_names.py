"""Names in a mail domain: who receives what is sent to an address, who may send from it.

Also what is wrong with a lab's names, and the records that publish the domain's servers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any

from labctl.kinds import Complaint
from labctl.model import AddressOf, PublicKey, Record
from labctl.spec.names import to_ascii

PORTS = {
    "smtp": 25,
    "pop3": 110,
    "imap": 143,
    "submissions": 465,
    "submission": 587,
    "imaps": 993,
    "pop3s": 995,
}

DKIM = "v=DKIM1; k=rsa; p={}"  # RFC 6376 section 3.6.1

Aliases = Mapping[str, tuple[str, ...]]

# a check before it is one: name, client, what to ask, what to expect, hint
Question = tuple[str, str, dict[str, Any], dict[str, Any], str]

# RFC 2142 sections 4, 5 and 6 ask for the first four; local programs write to the last two
ROLES = ("postmaster", "abuse", "hostmaster", "webmaster", "root", "mailer-daemon")


def full(address: str, domain: str) -> str:
    """An address with its domain, in the ASCII form that SMTP carries (RFC 5321 section 2.3.5)."""
    local, at, host = address.partition("@")
    return f"{local}@{to_ascii(host) if at else domain}"


def local_part(address: str, domain: str) -> str | None:
    """The local part of an address of ``domain``; None for an address elsewhere."""
    local, _, host = full(address, domain).partition("@")
    return local if host == domain else None


def with_roles(users: Sequence[str], aliases: Aliases) -> dict[str, tuple[str, ...]]:
    """The aliases, and the role names that every domain must answer (RFC 2142).

    The first user is postmaster where the lab names none; the other roles go to postmaster.
    """
    everyone = {*users, *aliases}
    roles: dict[str, tuple[str, ...]] = {
        role: ("postmaster",) for role in ROLES if role not in everyone
    }
    if "postmaster" in roles:
        roles["postmaster"] = tuple(users[:1])
    return {**aliases, **roles}


def links(aliases: Aliases, domain: str) -> dict[str, tuple[str, ...]]:
    """For each alias the aliases that it leads to at once."""
    return {
        name: tuple(
            local
            for address in addresses
            if (local := local_part(address, domain)) is not None and local in aliases
        )
        for name, addresses in aliases.items()
    }


def loops(aliases: Aliases, domain: str) -> Iterator[tuple[str, ...]]:
    """The rings of aliases that lead back to themselves, in the order of delivery.

    Each alias is named at most once, the first of a ring in the aliases' own order in front.
    """
    order = {name: number for number, name in enumerate(aliases)}
    remaining: dict[str, tuple[str, ...]] = links(aliases, domain)
    while True:
        try:
            TopologicalSorter(remaining).prepare()
            return
        except CycleError as error:
            ring = error.args[1][:0:-1]
        start = ring.index(min(ring, key=order.__getitem__))
        yield tuple(ring[start:] + ring[:start])
        for name in ring:
            del remaining[name]
        remaining = {n: tuple(x for x in to if x in remaining) for n, to in remaining.items()}


def receivers(name: str, aliases: Aliases, domain: str) -> tuple[str, ...]:
    """The local parts of the domain that mail to ``name`` reaches in the end, sorted."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in seen:
            continue
        seen.add(current)
        if current not in aliases:
            found.add(current)
            continue
        locals_ = (local_part(address, domain) for address in aliases[current])
        waiting += [local for local in locals_ if local is not None]
    return tuple(sorted(found))


def senders(users: Sequence[str], aliases: Aliases, domain: str) -> dict[str, tuple[str, ...]]:
    """For each address of the domain the logins that may send from it.

    A user owns the own address, and every alias that reaches the own mailbox.
    """
    owners: dict[str, tuple[str, ...]] = {
        f"{user}@{domain}": (f"{user}@{domain}",) for user in users
    }
    for name in aliases:
        reached = receivers(name, aliases, domain)
        if reached:
            owners[f"{name}@{domain}"] = tuple(f"{user}@{domain}" for user in reached)
    return owners


def user_problems(users: Sequence[str]) -> Iterator[Complaint]:
    """What is wrong with the list of users."""
    if not users:
        yield Complaint(("users",), "a mail service needs a user", "for example [alice]")
    seen: set[str] = set()
    for number, user in enumerate(users):
        if user in seen:
            yield Complaint(("users", number), f"user {user} is listed twice", "leave one out")
        elif user.startswith("-"):
            yield Complaint(
                ("users", number),
                f"user {user} starts with a hyphen",
                "Postfix takes no such address: a program could take it for an option",
            )
        seen.add(user)


def alias_problems(users: Sequence[str], aliases: Aliases, domain: str) -> Iterator[Complaint]:
    """What is wrong with the aliases: names, recipients, loops."""
    mailboxes = set(users)
    known = {*users, *aliases, *ROLES}
    for name, addresses in aliases.items():
        if name in mailboxes:
            yield Complaint(("aliases", name), f"{name} is a user and an alias", "rename one")
        if not addresses:
            yield Complaint(("aliases", name), f"alias {name} goes to nobody", "name a user")
        for number, address in enumerate(addresses):
            local = local_part(address, domain)
            if local is not None and local not in known:
                yield Complaint(
                    ("aliases", name, number),
                    f"{local}@{domain} is neither a user nor an alias",
                    "add it to users, or give a full address elsewhere",
                )
    for ring in loops(with_roles(users, aliases), domain):
        way = " → ".join((*ring, ring[0]))
        yield Complaint(("aliases", ring[0]), f"alias loop: {way}", "let one of them reach a user")


def records(name: str, domain: str, key: str) -> Iterator[Record]:
    """The records of a mail domain whose server is ``name``; ``key`` names its DKIM key.

    MX: RFC 5321 section 5. SPF: RFC 7208. DKIM: RFC 6376 section 3.6. DMARC: RFC 7489.
    SRV: RFC 6186, RFC 8314.
    """
    host = f"{name}.{domain}."
    yield Record(name, "A", AddressOf(name))
    yield Record("@", "MX", f"10 {host}")
    yield Record("@", "TXT", "v=spf1 mx -all")
    yield Record(name, "TXT", "v=spf1 a -all")
    yield Record(f"{name}._domainkey", "TXT", PublicKey(key, DKIM))
    yield Record("_dmarc", "TXT", f"v=DMARC1; p=reject; rua=mailto:postmaster@{domain}")
    for protocol in ("submissions", "submission", "imaps", "imap", "pop3s", "pop3"):
        priority = 0 if protocol in ("submissions", "imaps") else 10
        yield Record(f"_{protocol}._tcp", "SRV", f"{priority} 1 {PORTS[protocol]} {host}")


def record_questions(name: str, domain: str) -> Iterator[Question]:
    """Whether the DNS gives those records that other mail servers and clients ask for."""
    for owner, kind, answer in (
        (domain, "MX", {"matches": rf"(?m)^10 {re.escape(name)}\."}),
        (domain, "TXT", {"matches": "v=spf1 mx -all"}),
        (f"{name}._domainkey.{domain}", "TXT", {"matches": "v=DKIM1; k=rsa; p=MII"}),
        (f"_dmarc.{domain}", "TXT", {"matches": "v=DMARC1; p=reject"}),
        (f"_submissions._tcp.{domain}", "SRV", {"matches": rf"(?m)^0 1 465 {re.escape(name)}\."}),
    ):
        yield (
            f"{owner} has its {kind} record",
            "dns",
            {"name": owner, "type": kind},
            {"status": "NOERROR", "answer": answer},
            "the records that a mail domain needs are derived from the mail service",
        )
