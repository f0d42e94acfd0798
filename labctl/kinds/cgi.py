"""Programs that answer forms (CGI, RFC 3875) behind nginx and fcgiwrap, in any language.

The content is a static site with a folder ``cgi-bin``. What lies in it is a program with the
interpreter of its first line; a C++ source is compiled on the machine and served as ``.cgi``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote

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
from labctl.spec.fields import Content, Doc, Integer, Many, Package

FOLDER = "cgi-bin/"
USER = "www-data"
PROGRAM = r"[A-Za-z0-9][A-Za-z0-9_-]*(?:\.[A-Za-z0-9]+)?"
HOSTILE = "<script>alert(`id`)</script>$(id);"
ECHOED = r"(?s)\A(?!.*<script>alert).*&lt;script&gt;alert\(`id`\)&lt;/script&gt;\$\(id\);"
_PACKAGES = {
    ".cpp": ("g++", "make"),
    ".pl": ("perl-base",),
    ".py": ("python3-minimal",),
    ".tcl": ("tcl",),
}
# a request without parameters: fcgiwrap itself answers 403 and starts no program
_ASK = (
    b"\x01\x01\0\x01\0\x08\0\0" + b"\0\x01\0\0\0\0\0\0"  # begin, as a responder
    b"\x01\x04\0\x01\0\0\0\0" + b"\x01\x05\0\x01\0\0\0\0"  # no parameters, no body
)


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a CGI service."""

    content: Annotated[
        str, Content(), Doc("folder with the pages and `cgi-bin`; the service's name")
    ] = ""
    parallel: Annotated[int, Integer(1, 16), Doc("programs that may run at the same time")] = 4
    packages: Annotated[
        tuple[str, ...], Many(Package()), Doc("more Debian packages that the programs need")
    ] = ()


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """No program at all, and file names that are no program's name."""
    names = _programs(scope.content)
    if not names:
        yield Complaint(("content",), f"there is no program in its folder {FOLDER}")
    for name in names:
        if not re.fullmatch(PROGRAM, name):
            yield Complaint(
                ("content",),
                f"{FOLDER}{name} is not a program's name",
                "letters, digits, _ and -, and at most one dot",
            )
    for name in sorted(set(names) & {f"{stem}.cgi" for stem in _compiled(scope.content)}):
        yield Complaint(("content",), f"{FOLDER}{name} is what {name[:-4]}.cpp is compiled to")


def _programs(content: Mapping[str, bytes]) -> tuple[str, ...]:
    """The file names in ``cgi-bin``; what lies in folders below belongs to the programs."""
    names = (path.removeprefix(FOLDER) for path in content if path.startswith(FOLDER))
    return tuple(name for name in names if "/" not in name)


def _compiled(content: Mapping[str, bytes]) -> tuple[str, ...]:
    """The names of the C++ programs, without ``.cpp``."""
    return tuple(n.removesuffix(".cpp") for n in _programs(content) if n.endswith(".cpp"))


def root(service: Service) -> str:
    """The directory of the pages."""
    return f"/var/www/{service.name}"


def programs(service: Service) -> str:
    """The directory of the programs that need no compiling."""
    return f"/usr/lib/cgi-bin/{service.name}"


def sources(service: Service) -> str:
    """The directory of the C++ sources and their Makefile."""
    return f"/usr/local/src/{service.name}"


def compiled(service: Service) -> str:
    """The directory of the compiled programs."""
    return f"/var/opt/{service.name}"


def socket(service: Service) -> str:
    """Where nginx and fcgiwrap meet."""
    return f"/run/{service.name}/fcgiwrap.sock"


def expand(service: Service, scope: Scope) -> Expansion:
    """An nginx for the pages, an fcgiwrap for the programs."""
    options: Options = service.options
    suffixes = {name[name.rfind(".") :] for name in _programs(scope.content) if "." in name}
    needed = (package for suffix in suffixes for package in _PACKAGES.get(suffix, ()))
    return Expansion(
        packages=frozenset({"fcgiwrap", *needed, *options.packages}),
        capabilities=frozenset({"SETUID", "SETGID", "KILL"}),
        daemons=(_daemon(service, bool(_compiled(scope.content))),),
        route=Route(locations=_locations(service, scope.content)),
        ports={"http": 80},
        checks=tuple(check for site in scope.sites for check in _checks(service, scope, site)),
        limits=Limits(memory=256 * 2**20, processes=64),
    )


def _locations(service: Service, content: Mapping[str, bytes]) -> Template:
    stems = _compiled(content)
    served = [(PROGRAM, programs(service))]
    if stems:
        served.insert(0, (rf"(?:{'|'.join(stems)})\.cgi", f"{compiled(service)}/cgi-bin"))
    names = {
        "root": root(service),
        "not_found": "404.html" in content,
        "programs": served,
        "socket": socket(service),
    }
    return Template("cgi/locations.conf.j2", names)


def _daemon(service: Service, compiles: bool) -> Daemon:
    """Fcgiwrap on a socket that root has bound: no program can replace socket or programs."""
    options: Options = service.options
    name, make = f"fcgiwrap-{service.name}", ("make", "-s", "-C", sources(service))
    path = socket(service)
    bind = ("s6-ipcserver-socketbinder", "-a", "0666", "-B", path)
    fcgiwrap = ("s6-setuidgid", USER, "fcgiwrap", "-c", str(options.parallel))
    prepare = (("mkdir", "-p", path.rpartition("/")[0]),)
    return Daemon(
        name=name,
        run=(*bind, *fcgiwrap),
        prepare=(*prepare, (*make, "start")) if compiles else prepare,
        test=(*make, "build") if compiles else (),
        reload=(*make, "install") if compiles else (),
        watches=(f"{sources(service)}/",) if compiles else (),
        restarts=(f"/etc/labctl/daemons/{name}/",),
        ready=Probe(path, "Status: 403", _ASK),
    )


def _checks(service: Service, scope: Scope, site: Site) -> Iterable[Check]:
    """The pages, a program that is not there, and each program with a hostile value."""
    if not site.open:
        return
    base = site.url()

    def check(words: str, ask: Mapping[str, object], expect: Mapping[str, object]) -> Check:
        hint = f"`labctl logs {service.machine}` has what the program wrote to standard error"
        return Check(f"{site.host} {words}", service.name, "http", ask, expect, hint)

    yield check("answers at /", {"url": base}, {"status": 200})
    missing = {"url": f"{base}{FOLDER}no-such-program"}
    yield check("has no program no-such-program", missing, {"status": 404})
    field = f"name={quote(HOSTILE, safe='')}"
    echoed = {"status": 200, "body": {"matches": ECHOED}}
    for name in _programs(scope.content):
        url = f"{base}{FOLDER}{re.sub(r'[.]cpp$', '.cgi', name)}"
        yield check(f"{name} answers GET", {"url": f"{url}?{field}"}, echoed)
        ask = {
            "url": url,
            "method": "POST",
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
            "body": field,
        }
        yield check(f"{name} answers POST", ask, echoed)


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The pages, the programs, and the sources with their Makefile."""
    content = lab.contents[service.name]
    for path, data in content.items():
        source = lab.content_source(service.name, path)
        name = path.removeprefix(FOLDER)
        if name == path:
            yield File(f"{root(service)}/{path}", data, source=source)
        elif "/" not in name and name.endswith(".cpp"):
            yield File(f"{sources(service)}/{name}", data, source=source)
        else:
            mode = 0o644 if "/" in name else 0o755
            yield File(f"{programs(service)}/{name}", data, mode=mode, source=source)
    if stems := _compiled(content):
        yield File(
            f"{sources(service)}/Makefile",
            Template(
                "cgi/Makefile.j2",
                {"service": service.name, "programs": stems, "directory": compiled(service)},
            ),
        )
