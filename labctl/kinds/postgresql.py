"""A database server (PostgreSQL): a database, and a role that owns it, for each application."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any

from labctl import databases
from labctl.kinds import Complaint, Scope
from labctl.model import (
    Daemon,
    Expansion,
    File,
    Kept,
    Lab,
    Limits,
    Probe,
    Service,
    Template,
)
from labctl.spec.fields import Doc, Integer

USER = "postgres"
PROGRAMS = "/usr/lib/postgresql/17/bin"
ROUNDS = 4096  # of PBKDF2: what PostgreSQL itself makes (scram_iterations)
# SSLRequest (PostgreSQL manual, section 53.7): S or N, before anybody has said who they are
_HELLO = b"\0\0\0\x08\x04\xd2\x16\x2f"


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a database server."""

    connections: Annotated[int, Integer(10, 1000), Doc("connections at the same time")] = 60


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """Applications know the server by its port alone, so a lab has one."""
    if list(scope.services.values()).count(databases.KIND) > 1:
        yield Complaint((), "a second database server; a lab has one", "it keeps many databases")


def data(service: Service) -> str:
    """The directory with the databases and their backups, which outlives the machine."""
    return f"/var/opt/{service.name}"


def etc(service: Service) -> str:
    """The directory of the server's configuration."""
    return f"/etc/postgresql/{service.name}"


def expand(service: Service, scope: Scope) -> Expansion:
    """The server, and what makes the databases that are missing."""
    options: Options = service.options
    return Expansion(
        packages=frozenset({"postgresql-17"}),
        capabilities=frozenset({"CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"}),
        daemons=(_server(service), _keeper(service)),
        ports={"postgresql": databases.PORT},
        volumes=(data(service),),
        limits=Limits(
            memory=(128 + options.connections) * 2**20, processes=options.connections + 40
        ),
    )


def _server(service: Service) -> Daemon:
    home = etc(service)
    return Daemon(
        name=f"postgresql-{service.name}",
        run=(f"{PROGRAMS}/postgres", "-c", f"config_file={home}/postgresql.conf"),
        user=USER,
        prepare=((f"{home}/prepare",),),
        # it prints a setting after reading the file, which it refuses if anything in it is wrong
        test=(f"{PROGRAMS}/postgres", "-c", f"config_file={home}/postgresql.conf", "-C", "port"),
        reload=("s6-svc", "-h", f"/run/service/postgresql-{service.name}"),
        watches=(f"{home}/pg_hba.conf",),
        restarts=(f"{home}/postgresql.conf", f"{home}/prepare"),
        stop_signal="INT",  # disconnects everybody; TERM would wait for them
        ready=Probe(databases.PORT, r"^[SN]", _HELLO),
    )


def _keeper(service: Service) -> Daemon:
    """Makes roles and databases that are missing, whenever the list of them has changed."""
    return Daemon(
        name=f"databases-{service.name}",
        run=(f"{etc(service)}/databases",),
        user=USER,
        watches=(f"{etc(service)}/databases",),
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The configuration, who may come, which databases there are, and commands for backups."""
    context = _context(service, lab, kept)
    source = service.source
    for name, mode in (
        ("postgresql.conf", 0o644),
        ("pg_hba.conf", 0o640),
        ("prepare", 0o755),
        ("databases", 0o750),
    ):
        template = Template(f"postgresql/{name}.j2", context)
        yield File(f"{etc(service)}/{name}", template, mode, "root", USER, source)
    for name in ("backup", "restore", "sql"):
        template = Template(f"postgresql/{name}.j2", context)
        yield File(f"/usr/local/bin/{service.name}-{name}", template, 0o755, source=source)


def _context(service: Service, lab: Lab, kept: Kept) -> dict[str, Any]:
    options: Options = service.options
    return {
        "service": service.name,
        "port": databases.PORT,
        "programs": PROGRAMS,
        "user": USER,
        "etc": etc(service),
        "data": data(service),
        "connections": options.connections,
        "clients": [
            {
                "name": client.name,
                "addresses": _addresses(client, lab),
                "verifier": verifier(
                    kept.secrets[databases.password(client.name)], f"{lab.name}/{client.name}"
                ),
            }
            for client in databases.clients(service.name, lab)
        ],
    }


def _addresses(client: Service, lab: Lab) -> list[str]:
    """From where an application comes: all addresses of all machines that run it."""
    return sorted({a for m in lab.replicas_of(client.name) for a in m.addresses.values()})


def verifier(password: str, name: str) -> str:
    """What the server keeps of a password, the same at every call.

    The salt is made of both, so no two roles share one.
    """
    return scram(password, hmac.digest(password.encode(), name.encode(), "sha256")[:16])


def scram(password: str, salt: bytes) -> str:
    """A password's verifier (SCRAM-SHA-256, RFC 5803 and 7677): it proves one, and yields none."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, ROUNDS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    texts = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${ROUNDS}:{texts[0]}${texts[1]}:{texts[2]}"
