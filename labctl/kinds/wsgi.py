"""A Python web application (WSGI, PEP 3333) under gunicorn or uWSGI."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Annotated

from labctl import applications, databases
from labctl.applications import USER, data, home, port, speaks_http
from labctl.kinds import Complaint, Scope
from labctl.model import Daemon, Expansion, File, Kept, Lab, Limits, Route, Service
from labctl.spec.fields import (
    Choice,
    Content,
    Doc,
    Entry,
    Integer,
    Many,
    Name,
    Package,
    Text,
)


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a WSGI service."""

    content: Annotated[
        str, Content(), Doc("folder with the application, beside the lab file; the service's name")
    ] = ""
    app: Annotated[str, Entry(), Doc("module and callable, as gunicorn takes them")] = "app:app"
    server: Annotated[str, Choice("gunicorn", "uwsgi"), Doc("what runs it")] = "gunicorn"
    workers: Annotated[int, Integer(1, 16), Doc("worker processes")] = 1
    threads: Annotated[int, Integer(1, 64), Doc("threads in each worker")] = 8
    port: applications.OwnPort = 0
    packages: Annotated[
        tuple[str, ...], Many(Package()), Doc("Debian packages that the application imports")
    ] = ("python3-flask",)
    libraries: Annotated[str, applications.Pins(), Doc(applications.PIP)] = ""
    environment: applications.Environment = field(default_factory=dict)
    database: Annotated[str, Name(), Doc(applications.DATABASE)] = ""
    prepare: Annotated[tuple[str, ...], Many(Text(400)), Doc(applications.PREPARE)] = ()


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """The module is not there, or something else that the application needs."""
    yield from applications.problems(options, "pip", scope)
    module = options.app.partition(":")[0].replace(".", "/")
    if not {f"{module}.py", f"{module}/__init__.py"} & set(scope.content):
        yield Complaint(("app",), f"there is no file {module}.py in the content")


def expand(service: Service, scope: Scope) -> Expansion:
    """Gunicorn with the application, on a port of its own."""
    options: Options = service.options
    return Expansion(
        packages=frozenset({*_SERVERS[options.server], "python3", *options.packages}),
        capabilities=frozenset({"SETUID", "SETGID", "KILL", "CHOWN"}),
        daemons=(_daemon(service, scope),),
        route=Route(port=port(service, scope), lets_go=options.server == "gunicorn"),
        ports={"http": port(service, scope)},
        volumes=(data(service),),
        limits=Limits(memory=256 * 2**20, processes=64 + 16 * options.workers),
        extra=applications.in_image(service, "pip", scope),
        wants=databases.wants(service.name, options.database),
        flows=databases.flows(service.name, options.database),
        database=options.database,
    )


def daemon(service: Service) -> str:
    """The name of the daemon that runs the application."""
    return f"{service.options.server}-{service.name}"


def _gunicorn(options: Options, address: str) -> tuple[str, ...]:
    return (
        "gunicorn",
        f"--bind={address}",
        f"--workers={options.workers}",
        f"--threads={options.threads}",
        "--worker-tmp-dir=/dev/shm",
        "--keep-alive=75",
        "--access-logfile=-",
        '--access-logformat=%({x-forwarded-for}i)s "%(r)s" %(s)s %(b)s',
        options.app,
    )


def _uwsgi(options: Options, address: str) -> tuple[str, ...]:
    """UWSGI without a configuration file. It keeps no connection, and says so to the front."""
    return (
        "uwsgi",
        "--plugin=python3",
        "--pythonpath=.",
        f"--http-socket={address}",
        f"--processes={options.workers}",
        f"--threads={options.threads}",
        "--master",
        "--die-on-term",
        "--need-app",
        "--auto-procname",
        "--add-header=Connection: close",
        '--log-format=%(var.HTTP_X_FORWARDED_FOR) "%(method) %(uri) %(proto)" %(status) %(rsize)',
        f"--module={options.app}",
    )


_SERVERS = {"gunicorn": ("gunicorn",), "uwsgi": ("uwsgi-core", "uwsgi-plugin-python3")}
_COMMANDS = {"gunicorn": _gunicorn, "uwsgi": _uwsgi}


def _daemon(service: Service, scope: Scope) -> Daemon:
    options: Options = service.options
    module = options.app.partition(":")[0]
    command = _COMMANDS[options.server]
    again = ("s6-svc", "-h", f"/run/service/{daemon(service)}")
    return Daemon(
        name=daemon(service),
        run=command(options, f"{scope.listen}:{port(service, scope)}"),
        user=USER,
        prepare=(
            ("chown", f"{USER}:{USER}", data(service)),
            *databases.prepared(service.name, options.prepare),
        ),
        test=("python3", "-c", f"import {module}"),
        directory=home(service),
        # what is run before a start may have changed as well
        reload=() if options.prepare else again,
        watches=(f"{home(service)}/",),
        restarts=(f"/etc/labctl/daemons/{daemon(service)}/",),
        environment={
            **options.environment,
            **applications.found("PYTHONPATH", service),
            "DATA_DIR": data(service),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        ready=speaks_http(port(service, scope)),
    )


def on_demand(daemon: Daemon) -> Daemon:
    """With the application loaded once, before gunicorn makes its workers: they share it.

    Such a gunicorn keeps old code over a reload. One that is started on demand is stopped instead.
    uWSGI always does so.
    """
    *words, app = daemon.run
    return replace(daemon, run=(*words, "--preload", app)) if words[0] == "gunicorn" else daemon


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The application's code, and what it is told of its database."""
    yield from applications.told(service, daemon(service), lab, kept)
