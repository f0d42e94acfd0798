"""Databases that a service of the lab keeps for its applications: one each, with a role of its own.

An application says on which service its database is (``Expansion.database``); that service looks
for who does. Both names, the database's and its role's, are the application's. What an application
has to know it finds in its environment, in files that only root reads: a password is in no list of
processes and in no image. Pure.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from labctl.kinds import Complaint, Scope
from labctl.model import File, Flow, Kept, Lab, Service, Want

KIND = "postgresql"
PORT = 5432
VARIABLES = frozenset({
    "PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGPASSWORD", "DATABASE_URL", "SECRET_KEY",
})  # fmt: skip


def problems(options: Any, scope: Scope) -> Iterable[Complaint]:
    """What is wrong with an application's ``database``, ``environment`` and ``prepare``."""
    if options.database:
        yield from _server_problems(options.database, scope)
        for name in sorted(VARIABLES & set(options.environment)):
            message = f"{name} is what labctl tells the application of its database"
            yield Complaint(("environment", name), message, "leave it out")
    yield from _command_problems(options.prepare)


def _server_problems(server: str, scope: Scope) -> Iterable[Complaint]:
    """The service that is to keep the database is not there, or keeps none."""
    fitting = [name for name, kind in scope.services.items() if kind == KIND]
    if server not in fitting:
        hint = f"the lab has {', '.join(fitting)}" if fitting else f"for example `{server}: {KIND}`"
        kind = scope.services.get(server)
        what = f"'{server}' is a {kind} service" if kind else f"there is no service '{server}'"
        yield Complaint(("database",), f"{what}, and none of the kind {KIND}", hint)


def wants(service: str, server: str) -> tuple[Want, ...]:
    """The password of an application's role, and a token with which it may sign things."""
    if not server:
        return ()
    return Want("password", password(service)), Want("token", token(service))


def password(service: str) -> str:
    """The name of the role's password among the kept things."""
    return f"{service}/database"


def token(service: str) -> str:
    """The name of the application's own secret among the kept things."""
    return f"{service}/secret-key"


def flows(service: str, server: str) -> tuple[Flow, ...]:
    """The connections that an application opens for its database."""
    return (Flow(server, PORT, f"{service} asks its database"),) if server else ()


def clients(server: str, lab: Lab) -> tuple[Service, ...]:
    """The applications whose databases a service keeps, in the lab file's order."""
    return tuple(s for s in lab.services.values() if s.expansion.database == server)


def variables(service: Service, lab: Lab, kept: Kept) -> Mapping[str, str]:
    """What an application finds in its environment.

    The names are libpq's (PostgreSQL manual, section 32.15), which every driver knows; a URL
    beside them is what most frameworks want (section 32.1.1.2). No part of it needs quoting:
    names of services are labels, and passwords are made of letters and digits.
    """
    server = service.expansion.database
    if not server:
        return {}
    host, secret = lab.machine_of(server).host_name, kept.secrets[password(service.name)]
    name = service.name
    return {
        "PGHOST": host,
        "PGPORT": str(PORT),
        "PGDATABASE": name,
        "PGUSER": name,
        "PGPASSWORD": secret,
        "DATABASE_URL": f"postgresql://{name}:{secret}@{host}:{PORT}/{name}",
        "SECRET_KEY": kept.secrets[token(name)],
    }


def environment(service: Service, daemon: str, lab: Lab, kept: Kept) -> Iterable[File]:
    """These variables as files, from which the init makes the daemon's environment."""
    for name, value in variables(service, lab, kept).items():
        path = f"/etc/labctl/daemons/{daemon}/env/{name}"
        yield File(path, value.encode(), mode=0o600, source=service.source)


def runner(service: str) -> str:
    """The command of its machine that runs another one as an application runs."""
    return f"/usr/local/bin/as-{service}"


def run_as(service: Service, daemon: str, user: str, home: str) -> File:
    """That command: in the application's folder, with its environment, as its user."""
    return run_through(service, daemon, ("s6-setuidgid", user), home)


def run_through(service: Service, daemon: str, through: Iterable[str], home: str) -> File:
    """That command, by way of a program that runs another one as the application runs."""
    words = ["s6-envdir", "-fn", f"/etc/labctl/daemons/{daemon}/env", *through]
    text = (
        "#!/bin/sh\n"
        f"# as-{service.name} COMMAND…: runs it as {service.name} itself runs\n"
        f"cd {shlex.quote(home)}\n"
        f'exec {shlex.join(words)} "$@"\n'
    )
    return File(runner(service.name), text.encode(), mode=0o755, source=service.source)


def prepared(service: str, commands: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Commands of the lab file, as a daemon has them run before each start."""
    return tuple((runner(service), *shlex.split(command)) for command in commands)


def _command_problems(commands: Iterable[str]) -> Iterable[Complaint]:
    """Commands that are no words, or whose quotation does not end."""
    for number, command in enumerate(commands):
        try:
            empty = not shlex.split(command)
        except ValueError:
            yield Complaint(("prepare", number), "a quotation does not end")
            continue
        if empty:
            yield Complaint(("prepare", number), "there is no program to run")
