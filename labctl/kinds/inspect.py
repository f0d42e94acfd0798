"""Shows what browsers and servers say to each other, on all sites that say `inspect: true`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Annotated

from labctl import inspecting
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
    Tier,
    Want,
)
from labctl.spec.fields import Doc, Integer, Port, Switch

ASKED_BY = "inspect"
BESIDE_FRONT = True
TIER: Tier = "public"
CONFIG = "/etc/inspector.json"
PROGRAM = "/usr/local/lib/inspector"
PAGES = "/usr/local/share/inspector"
NOTE = "/root/inspector.txt"
WHO = "inspector"
_PAGES = ("index.html", "inspect.css", "inspect.js")


@dataclass(frozen=True, slots=True)
class Options:
    """Options of the inspector."""

    port: Annotated[
        int,
        Port("leave it out and labctl picks one"),
        Doc("port of its machine for its own pages; a free one from 8000 on"),
    ] = 0
    exchanges: Annotated[
        int, Integer(10, 5000), Doc("how many requests it remembers, the latest")
    ] = 500
    kept: Annotated[
        int, Integer(1, 256), Doc("MiB of all that it remembers; of each body the first 64 KiB")
    ] = 16
    login: Annotated[
        bool,
        Switch(),
        Doc(f"its pages ask for a password, told by `up` and in `{NOTE}`; in a class they do"),
    ] = False


def for_student(options: Options) -> Options:
    """Neighbours' browsers reach a student's sites too, and must not read what stands here."""
    return replace(options, login=True)


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """It would look at itself looking."""
    if any(site.inspect for site in scope.sites):
        yield Complaint((), "the inspector's own site cannot be inspected", "leave `inspect:` out")


def expand(service: Service, scope: Scope) -> Expansion:
    """A program of ours in Python, on the loopback ports of the front's machine."""
    options: Options = service.options
    port = options.port or scope.port
    return Expansion(
        packages=frozenset({"python3"}),
        capabilities=frozenset({"SETUID", "SETGID", "KILL"}),
        daemons=(_daemon(service),),
        route=Route(port=port),
        ports={"http": port, "inspection": inspecting.RELAY},
        accounts=(Want("password", _secret(service)),) if options.login else (),
        checks=tuple(_checks(service, scope)),
        limits=Limits(memory=(64 + 3 * options.kept) * 2**20, processes=16),
    )


def _secret(service: Service) -> str:
    """The name of its password among the kept things."""
    return f"{service.name}/{WHO}"


def _daemon(service: Service) -> Daemon:
    """It has no rights and no files of its own. New names of sites do not break connections.

    It is asked at the port where requests come, not at that of its pages: what everybody's
    requests pass through is not put to sleep when nobody looks (``labctl.on_demand``).
    """
    return Daemon(
        name=f"inspect-{service.name}",
        run=("python3", "-m", "inspector", CONFIG),
        user="nobody",
        directory="/usr/local/lib",
        test=("python3", "-m", "inspector", "--test", CONFIG),
        reload=("s6-svc", "-h", f"/run/service/inspect-{service.name}"),
        watches=(CONFIG, f"{PAGES}/"),
        restarts=(f"{PROGRAM}/", f"/etc/labctl/daemons/inspect-{service.name}/"),
        environment={"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"},
        ready=Probe(
            inspecting.RELAY,
            r"^HTTP/1\.1 ",
            b"GET / HTTP/1.1\r\nHost: ready.invalid\r\nConnection: close\r\n\r\n",
        ),
    )


def _checks(service: Service, scope: Scope) -> Iterable[Check]:
    """A request to each inspected site is seen on the inspector's own."""
    own = next((site for site in scope.sites if site.tls == "ca" and site.open), None)
    watched = [s for s in inspecting.inspected(scope.all_sites) if _answers(s)]
    for site in watched if own else ():
        assert own
        asked = f"{site.host} answers while it is inspected"
        yield _check(service, asked, _url(site), {"matches": "^[2-4]..$"}, "the front's log: 502?")
        yield _check(
            service,
            f"what {site.host} is asked is seen by the inspector",
            f"https://{own.host}/seen?host={site.host}",
            200,
            f"`labctl explain {_url(site)}` shows whether requests go through the inspector",
            needs=(asked,),
        )


def _answers(site: Site) -> bool:
    """Whether any visitor can ask it, by TLS that the lab vouches for or plainly."""
    return not site.clients and (site.tls == "ca" or site.http == "serve")


def _url(site: Site) -> str:
    return f"{'https' if site.tls == 'ca' else 'http'}://{site.host}/"


def _check(
    service: Service,
    name: str,
    url: str,
    status: int | Mapping[str, str],
    hint: str,
    needs: tuple[str, ...] = (),
) -> Check:
    return Check(
        name=name,
        service=service.name,
        client="http",
        ask={"url": url},
        expect={"status": status},
        hint=hint,
        needs=needs,
    )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """Program, pages, and what it is told: ports, limits, and the names of the sites."""
    names = [site.name for site in inspecting.inspected(lab.sites)]
    password = kept.secrets[_secret(service)] if service.options.login else ""
    yield File(CONFIG, _config(service, lab, password), source=service.source)
    if password:
        yield File(NOTE, Template("inspect/note.txt.j2", {"password": password, "who": WHO}), 0o600)
    for name, content in program().items():
        yield File(f"{PROGRAM}/{name}", content)
    for name in _PAGES:
        page = Template(f"inspect/{name}.j2", {"lab": lab.name, "sites": sorted(names)})
        yield File(f"{PAGES}/{name}", page)


def _config(service: Service, lab: Lab, password: str) -> bytes:
    options: Options = service.options
    route = service.expansion.route
    assert route
    near = all(lab.services[site.front].machine == service.machine
               for site in lab.sites_by_service.get(service.name, ()))  # fmt: skip
    told = {
        "relay": inspecting.RELAY,
        "behind": inspecting.BEHIND,
        "page": [inspecting.HERE if near else "0.0.0.0", route.port],  # noqa: S104 (its own machine)
        "folder": PAGES,
        "sites": {
            host: site.name for site in inspecting.inspected(lab.sites) for host in site.names
        },
        "exchanges": options.exchanges,
        "memory": options.kept * 2**20,
        "body": 64 * 1024,
        # a digest will do for a password that nobody has thought up: it cannot be guessed
        "login": hashlib.sha256(password.encode()).hexdigest() if password else "",
    }
    return (json.dumps(told, indent=2) + "\n").encode()


def program() -> Mapping[str, bytes]:
    """The program's files by name: ``labctl.inspector``, which runs there as ``inspector``."""
    folder = resources.files("labctl.inspector")
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".py"))
    return {name: folder.joinpath(name).read_bytes() for name in names}
