"""What applications in any language may say: libraries of their own, a database, preparation.

Kinds that run somebody's program share these keys of the lab file and what follows. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from labctl import databases
from labctl.kinds import Complaint, Scope
from labctl.model import (
    Daemon,
    Expansion,
    Extra,
    File,
    Kept,
    Lab,
    Libraries,
    Limits,
    Probe,
    Route,
    Service,
)
from labctl.spec.fields import Content, ContentFile, Doc, Port, Table, Text, Variable
from labctl.spec.problems import shown

Tool = Literal["pip", "npm"]
DIRECTORY = "/usr/lib/libraries"
PIP = "file of the content that pins further libraries with their hashes (pip's format)"
NPM = "`package-lock.json` of the content, which pins further libraries (npm's format)"
DATABASE = "service that keeps a database for it"
PREPARE = "commands that it runs before each start, for example migrations"
_ITS_LOCK = "package.json"
USER = "www-data"  # who they run as
_COMPILES = "import sys; compile(open(sys.argv[1], 'rb').read(), sys.argv[1], 'exec')"
OwnPort = Annotated[
    int,
    Port("leave it out and labctl picks one"),
    Doc("port of its machine that it listens on; a free one from 8000 on"),
]
Environment = Annotated[
    Mapping[str, str], Table(Variable(), Text()), Doc("environment variables, as text")
]

Folder = Annotated[
    str, Content(), Doc("folder with the program, beside the lab file; the service's name")
]
PythonFile = Annotated[
    str,
    Text(max_length=60, pattern=r"[A-Za-z_][A-Za-z0-9_]*\.py"),
    Doc("file in it that Python runs; it listens where the variables `HOST` and `PORT` say"),
]


@dataclass(frozen=True)
class Pins(ContentFile):
    """A file of a service's content that pins libraries."""

    def words(self) -> str:
        return "file of the content"


def home(service: Service) -> str:
    """The directory of an application's code."""
    return f"/srv/{service.name}"


def data(service: Service) -> str:
    """The directory of an application's data, which outlives the machine."""
    return f"/var/opt/{service.name}"


def port(service: Service, scope: Scope) -> int:
    """The port that it listens on: the lab file's, else a free one."""
    said: int = service.options.port
    return said or scope.port


def speaks_http(port: int) -> Probe:
    """Whether something answers by HTTP at a port, whatever it answers."""
    return Probe(port, r"^HTTP/1\.[01] ", b"GET / HTTP/1.0\r\nHost: ready.invalid\r\n\r\n")


def no_program(options: Any, scope: Scope) -> Iterable[Complaint]:
    """The program that the lab file names is not there."""
    if options.program not in scope.content:
        yield Complaint(("program",), f"there is no file {options.program} in the content")


def python_server(service: Service, scope: Scope, mebibytes: int) -> Expansion:
    """A program in Python that serves by itself, on a port of its own, in so much memory."""
    at = port(service, scope)
    return Expansion(
        packages=frozenset({"python3", *service.options.packages}),
        capabilities=frozenset({"SETUID", "SETGID", "KILL"}),
        daemons=(_python_daemon(service, scope),),
        route=Route(port=at),
        ports={"http": at},
        limits=Limits(memory=mebibytes * 2**20, processes=32),
    )


def _python_daemon(service: Service, scope: Scope) -> Daemon:
    """A change restarts it: what it has in memory goes.

    It cannot be imported to try it, for it would serve; but its syntax can be looked at.
    """
    name, options, at = f"{service.kind}-{service.name}", service.options, port(service, scope)
    return Daemon(
        name=name,
        run=("python3", options.program),
        user=USER,
        directory=home(service),
        test=("python3", "-c", _COMPILES, f"{home(service)}/{options.program}"),
        watches=(f"{home(service)}/", f"/etc/labctl/daemons/{name}/"),
        environment={
            **options.environment,
            "HOST": scope.listen,
            "PORT": str(at),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
        },
        ready=speaks_http(at),
    )


def code(service: Service, lab: Lab) -> Iterable[File]:
    """The files of an application, as they are in its folder."""
    for name, content in lab.contents[service.name].items():
        source = lab.content_source(service.name, name)
        yield File(f"{home(service)}/{name}", content, source=source)


def told(service: Service, daemon: str, lab: Lab, kept: Kept) -> Iterable[File]:
    """The files of an application, and what its daemon is told of its database."""
    yield from databases.environment(service, daemon, lab, kept)
    if service.options.database or service.options.prepare:
        yield databases.run_as(service, daemon, USER, home(service))
    yield from code(service, lab)


def path(service: str) -> str:
    """The directory of an application's libraries."""
    return f"{DIRECTORY}/{service}"


def found(variable: str, service: Service, below: str = "") -> Mapping[str, str]:
    """The variable by which a language's programs find their libraries."""
    return {variable: path(service.name) + below} if service.options.libraries else {}


def in_image(service: Service, tool: Tool, scope: Scope) -> Extra:
    """The libraries that the lab file says, for the image."""
    said: str = service.options.libraries
    if not said:
        return Extra()
    names = (said, beside(said)) if tool == "npm" else (said,)
    files = tuple((name.rpartition("/")[2], scope.content[name]) for name in names)
    return Extra(frozenset({Libraries(tool, path(service.name), files)}))


def beside(lock: str) -> str:
    """The ``package.json`` that a lock file belongs to."""
    folder, slash, _ = lock.rpartition("/")
    return f"{folder}{slash}{_ITS_LOCK}"


def problems(options: Any, tool: Tool, scope: Scope) -> Iterable[Complaint]:
    """What is wrong with the keys that all applications have."""
    yield from databases.problems(options, scope)
    said = options.libraries
    if not said:
        return
    if said not in scope.content:
        yield Complaint(("libraries",), f"there is no file {said} in the content")
        return
    judge = _npm_problem if tool == "npm" else _pip_problem
    message, hint = judge(said, scope.content)
    if message:
        yield Complaint(("libraries",), message, hint)


def _pip_problem(said: str, content: Mapping[str, bytes]) -> tuple[str, str]:
    """A requirement without a version or a hash (pip's hash-checking mode), or another file."""
    text = re.sub(r"\\\r?\n", " ", content[said].decode(errors="replace"))
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in text.splitlines()]
    for line in filter(None, lines):
        if line.startswith("-"):
            return f"{said} has an option of pip's: {line.split()[0]}", "requirements only"
        if not re.match(r"[A-Za-z0-9][\w.-]*(\[[\w, -]+\])?\s*==\s*[\w.!+-]+(\s|;)", line):
            name = re.split(r"[\s<>=!~;\[@]", line)[0]
            return f"{said} does not pin '{name}' to one version", _PIP_HINT
        if "--hash=sha" not in line:
            return f"{said} has no hash of '{line.partition('==')[0].strip()}'", _PIP_HINT
    return "", ""


_PIP_HINT = "`pip-compile --generate-hashes` writes such a file"


def _npm_problem(said: str, content: Mapping[str, bytes]) -> tuple[str, str]:
    """No lock file of npm's, or one that has a package without its hash, or no registry's.

    npm fetches by git without a look at the hash, and a link leads to a folder of this host.
    """
    name = said.rpartition("/")[2]
    if name != "package-lock.json" or beside(said) not in content:
        return f"{said} is no package-lock.json with its {_ITS_LOCK} beside it", _NPM_HINT
    try:
        packages = json.loads(content[said])["packages"]
        bare = [key for key, one in packages.items() if key and not one.get("integrity")]
        others = [key for key, one in packages.items() if key and not _from_registry(key, one)]
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{said} is not what npm writes (lockfileVersion 2 or 3)", _NPM_HINT
    if others:
        return f"{said} has '{shown(others[0])}' from elsewhere than a registry", _NPM_REGISTRY
    return (f"{said} has no hash of '{shown(bare[0])}'", _NPM_HINT) if bare else ("", "")


def _from_registry(place: str, package: Mapping[str, Any]) -> bool:
    """Whether npm fetches a package by HTTP, and puts it where packages are."""
    inside = place.startswith("node_modules/") and ".." not in place.split("/")
    source = package.get("resolved", "https:")
    return inside and not package.get("link") and source.startswith(("https:", "http:"))


_NPM_REGISTRY = "folders and git repositories have no hash that npm looks at"
_NPM_HINT = "`npm install --package-lock-only` writes such a file"
