"""A web application in PHP: nginx sends its files, and PHP (php-fpm) runs its first page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

from labctl import applications, databases
from labctl.applications import DATABASE, PREPARE, USER, data, home
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
    Route,
    Service,
    Site,
    Template,
)
from labctl.spec.fields import (
    Content,
    Doc,
    Integer,
    Many,
    Name,
    Package,
    Text,
)

FPM = "php-fpm8.4"
FOLDER = "public/"
FIRST = "index.php"
PING = "/.php-fpm/ping"


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a PHP service."""

    content: Annotated[
        str,
        Content(),
        Doc("folder with the application; what a visitor may ask for is in its folder `public`"),
    ] = ""
    workers: Annotated[int, Integer(1, 32), Doc("requests that are answered at the same time")] = 4
    upload: Annotated[int, Integer(1, 64), Doc("largest request, in MiB")] = 2
    packages: Annotated[
        tuple[str, ...], Many(Package()), Doc("Debian packages that the application needs")
    ] = ("php-pgsql",)
    environment: applications.Environment = field(default_factory=dict)
    database: Annotated[str, Name(), Doc(DATABASE)] = ""
    prepare: Annotated[tuple[str, ...], Many(Text(400)), Doc(PREPARE)] = ()


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """There is nothing to run, or something else that the application needs is missing."""
    yield from databases.problems(options, scope)
    if FOLDER + FIRST not in scope.content:
        hint = "it answers whatever is no file beside it"
        yield Complaint(("content",), f"there is no file {FOLDER}{FIRST} in it", hint)


def daemon(service: Service) -> str:
    """The name of the daemon that runs the application."""
    return f"php-{service.name}"


def socket(service: Service) -> str:
    """Where nginx and PHP meet."""
    return f"/run/php-{service.name}/fpm.sock"


def config(service: Service) -> str:
    """The file that says how many processes there are, and with which settings."""
    return f"/etc/php/{service.name}.conf"


def expand(service: Service, scope: Scope) -> Expansion:
    """An nginx for the files, PHP for the rest."""
    options: Options = service.options
    context = {
        "service": service.name,
        "root": f"{home(service)}/{FOLDER.rstrip('/')}",
        "first": FIRST,
        "socket": socket(service),
        "upload": options.upload,
    }
    return Expansion(
        # which systemd-tmpfiles it is: the other one brings all of systemd
        packages=frozenset({"php-fpm", "systemd-standalone-tmpfiles", *options.packages}),
        capabilities=frozenset({"CHOWN", "FOWNER", "KILL", "SETGID", "SETUID"}),
        daemons=(_daemon(service),),
        route=Route(locations=Template("php/locations.conf.j2", context)),
        ports={"http": 80},
        volumes=(data(service),),
        checks=tuple(check for site in scope.sites for check in _checks(service, site)),
        limits=Limits(memory=(96 + 32 * options.workers) * 2**20, processes=48 + options.workers),
        wants=databases.wants(service.name, options.database),
        flows=databases.flows(service.name, options.database),
        database=options.database,
    )


def _daemon(service: Service) -> Daemon:
    """PHP's process manager. It has root's rights, since it gives its workers others."""
    options: Options = service.options
    folder = socket(service).rpartition("/")[0]
    again = ("s6-svc", "-2", f"/run/service/{daemon(service)}")  # USR2: a reload without a gap
    return Daemon(
        name=daemon(service),
        run=(FPM, "--nodaemonize", "--force-stderr", "--fpm-config", config(service)),
        prepare=(
            ("install", "-d", "-m", "0755", folder),
            ("chown", f"{USER}:{USER}", data(service)),
            # not as root: it would follow a link that the application has put there
            ("s6-setuidgid", USER, "install", "-d", "-m", "0700", f"{data(service)}/sessions"),
            *databases.prepared(service.name, options.prepare),
        ),
        test=(FPM, "--test", "--fpm-config", config(service)),
        directory=home(service),
        watches=(config(service), f"{home(service)}/"),
        reload=() if options.prepare else again,
        restarts=(f"/etc/labctl/daemons/{daemon(service)}/",),
        environment={**options.environment, "DATA_DIR": data(service)},
        stop_signal="QUIT",  # requests that are being answered are answered
        ready=Probe(socket(service), "pong", _ping()),
    )


def _ping() -> bytes:
    """A FastCGI request (specification, section 3) that php-fpm answers by itself."""
    pairs = {"SCRIPT_NAME": PING, "SCRIPT_FILENAME": PING, "REQUEST_METHOD": "GET"}
    body = b"".join(
        bytes((len(name), len(value))) + name.encode() + value.encode()
        for name, value in pairs.items()
    )
    begin = _record(1, b"\0\x01\0\0\0\0\0\0")  # as a responder
    return begin + _record(4, body) + _record(4, b"") + _record(5, b"")


def _record(kind: int, body: bytes) -> bytes:
    return bytes((1, kind, 0, 1)) + len(body).to_bytes(2, "big") + b"\0\0" + body


def _checks(service: Service, site: Site) -> Iterable[Check]:
    """PHP is run and not shown."""
    if not site.open:
        return
    hint = f"`labctl logs {service.machine}` shows PHP's own messages"
    source = {"status": {"matches": "^[234]..$"}, "body": {"not": {"contains": "<?php"}}}
    for name, path in (
        ("runs its pages and does not show them", "/"),
        ("shows no program that is asked for by name", f"/{FIRST}"),
    ):
        ask = {"url": site.url(path=path)}
        yield Check(f"{site.host} {name}", service.name, "http", ask, source, hint)


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """PHP's configuration, the application's code, and what it is told of its database."""
    options: Options = service.options
    context = {
        "service": service.name,
        "user": USER,
        "socket": socket(service),
        "ping": PING,
        "workers": options.workers,
        "upload": options.upload,
        "data": data(service),
    }
    template = Template("php/fpm.conf.j2", context)
    yield File(config(service), template, source=service.source)
    yield from applications.told(service, daemon(service), lab, kept)
