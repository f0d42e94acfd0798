"""One handler in Python under a choice of worker models: processes, threads, event loops."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from labctl.applications import USER, OwnPort, code, home, port, speaks_http
from labctl.kinds import Complaint, Scope
from labctl.model import (
    Check,
    Daemon,
    Expansion,
    File,
    Kept,
    Lab,
    Limits,
    Route,
    Service,
    Template,
)
from labctl.spec.fields import Choice, Content, Doc, Integer

HANDLER, SERVER = "handler.py", "serve.py"
Model = Literal[
    "one", "forked", "threads", "asyncio", "gunicorn-sync", "gunicorn-gthread", "uvicorn"
]
# the template of each model's server, below templates/workers/
SERVERS: Mapping[Model, str] = {
    "one": "http",
    "forked": "http",
    "threads": "http",
    "asyncio": "asyncio",
    "gunicorn-sync": "wsgi",
    "gunicorn-gthread": "wsgi",
    "uvicorn": "asgi",
}
PACKAGES: Mapping[str, frozenset[str]] = {
    "wsgi": frozenset({"gunicorn"}),
    "asgi": frozenset({"python3-uvicorn"}),
}
# MiB for each further process; a forked one shares most of its parent's
_CHILD: Mapping[Model, int] = {
    "forked": 4, "gunicorn-sync": 24, "gunicorn-gthread": 24, "uvicorn": 24,
}  # fmt: skip
MANY_THREADS = 256  # at most, where each request has one of its own


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a handler under a worker model."""

    content: Annotated[
        str,
        Content(),
        Doc("folder with `handler.py`, beside the lab file; the service's name"),
    ] = ""
    model: Annotated[
        Model,
        Choice(*SERVERS),
        Doc("who runs the handler: a process, a process or a thread for each request, an event "
            "loop, or gunicorn or uvicorn with processes of theirs"),
    ] = "one"  # fmt: skip
    workers: Annotated[
        int, Integer(1, 64), Doc("processes, where the model has several; of `forked` at most")
    ] = 4
    threads: Annotated[
        int, Integer(1, 64), Doc("threads in each process of `gunicorn-gthread`")
    ] = 16
    port: OwnPort = 0


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """There is no handler, or the server's file is taken."""
    if HANDLER not in scope.content:
        why = "it has `answer(target)` and `answer_async(target)`"
        yield Complaint(("content",), f"there is no {HANDLER} in it", why)
    if SERVER in scope.content:
        why = f"{SERVER} is the server that labctl writes beside the handler"
        yield Complaint(("content",), f"there is a {SERVER} in it", why)


def expand(service: Service, scope: Scope) -> Expansion:
    """The server with the handler, on a port of its own."""
    options: Options = service.options
    server = SERVERS[options.model]
    return Expansion(
        packages=frozenset({"python3"}) | PACKAGES.get(server, frozenset()),
        capabilities=frozenset({"SETUID", "SETGID", "KILL"}),
        daemons=(_daemon(service, scope),),
        route=Route(port=port(service, scope), lets_go=_is_gunicorn(options)),
        ports={"http": port(service, scope)},
        checks=tuple(_checks(service, scope)),
        limits=_limits(options),
    )


def _limits(options: Options) -> Limits:
    """Two processors, for one cannot show what several processes are good for."""
    children = options.workers if options.model in _CHILD else 0
    threads = MANY_THREADS if options.model == "threads" else options.threads
    memory = 64 + children * _CHILD.get(options.model, 0)
    return Limits(memory=memory * 2**20, cpus=2.0, processes=32 + children + threads)


def _daemon(service: Service, scope: Scope) -> Daemon:
    options: Options = service.options
    number = port(service, scope)
    name = f"workers-{service.name}"
    return Daemon(
        name=name,
        run=command(options, scope.listen, number),
        user=USER,
        directory=home(service),
        test=("python3", "-c", "import serve"),
        # gunicorn starts new workers, which import the code again; the others start anew
        reload=("s6-svc", "-h", f"/run/service/{name}") if _is_gunicorn(options) else (),
        watches=(f"{home(service)}/",),
        restarts=(f"/etc/labctl/daemons/{name}/",),
        environment={
            "HOST": scope.listen,
            "PORT": str(number),
            "WORKERS": str(options.workers),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        ready=speaks_http(number),
    )  # fmt: skip


def _is_gunicorn(options: Options) -> bool:
    return SERVERS[options.model] == "wsgi"


def command(options: Options, address: str, number: int) -> tuple[str, ...]:
    """The words that start the server. Connections to the front are kept longer than it does."""
    if _is_gunicorn(options):
        threads = options.threads if options.model == "gunicorn-gthread" else 1
        return (
            "gunicorn", f"--bind={address}:{number}", f"--workers={options.workers}",
            f"--worker-class={options.model.removeprefix('gunicorn-')}", f"--threads={threads}",
            "--worker-tmp-dir=/dev/shm", "--keep-alive=75", "--log-level=warning",
            "serve:application",
        )  # fmt: skip
    if options.model == "uvicorn":
        return (
            "python3", "-m", "uvicorn", f"--host={address}", f"--port={number}",
            f"--workers={options.workers}", "--timeout-keep-alive=75", "--lifespan=off",
            "--no-access-log", "--log-level=warning", "serve:application",
        )  # fmt: skip
    return ("python3", SERVER)


def _checks(service: Service, scope: Scope) -> Iterable[Check]:
    """A page that the handler does not know is told as such, whoever runs it."""
    for site in scope.sites:
        if site.tls == "ca" and site.open:
            yield Check(
                name=f"{site.host} says 404 where its handler knows nothing",
                service=service.name,
                client="http",
                ask={"url": site.url("https", "/no-such-page")},
                expect={"status": 404},
                hint=f"`labctl logs {service.machine}` shows what the server says",
            )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The handler and what lies beside it, and the server that runs it."""
    options: Options = service.options
    yield from code(service, lab)
    template = f"workers/{SERVERS[options.model]}.py.j2"
    context = {"model": options.model, "workers": options.workers}
    yield File(f"{home(service)}/{SERVER}", Template(template, context), source=service.source)
