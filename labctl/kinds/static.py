"""Files sent as they are: pages, images, downloads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from labctl.kinds import Complaint, Scope
from labctl.model import (
    Check,
    Expansion,
    File,
    Kept,
    Lab,
    Limits,
    Route,
    Server,
    Service,
    Template,
)
from labctl.spec.fields import Choice, Content, Doc

_TEMPLATES = {"nginx": "static/locations.conf.j2", "apache": "static/directory.conf.j2"}


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a static service."""

    content: Annotated[
        str, Content(), Doc("folder with the files, beside the lab file; the service's name")
    ] = ""
    server: Annotated[
        Server | Literal[""], Choice("nginx", "apache"), Doc("who sends the files; as the front")
    ] = ""


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """A site of it would have no first page."""
    if scope.sites and "index.html" not in scope.content:
        yield Complaint(("content",), "there is no index.html, so its sites have no first page")


def root(service: Service) -> str:
    """The directory on the machine that holds the files."""
    return f"/var/www/{service.name}"


def expand(service: Service, scope: Scope) -> Expansion:
    """A web server that sends the files of one directory."""
    options: Options = service.options
    server = options.server or scope.server
    names = {"root": root(service), "not_found": "404.html" in scope.content}
    return Expansion(
        route=Route(locations=Template(_TEMPLATES[server], names), server=server),
        ports={"http": 80},
        checks=tuple(_checks(service, scope)),
        limits=Limits(memory=64 * 2**20, processes=32 if server == "nginx" else 128),
    )


def _checks(service: Service, scope: Scope) -> Iterable[Check]:
    for site in scope.sites:
        if not site.open:
            continue
        yield Check(
            name=f"{site.name}: an unchanged page is answered with 304",
            service=service.name,
            client="http",
            ask={"url": site.url(), "conditional": True},
            expect={"status": 304},
            hint="a static page has an ETag, and If-None-Match with it is answered 304",
        )


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The content, under the machine's web root."""
    for path, content in lab.contents[service.name].items():
        yield File(
            f"{root(service)}/{path}",
            content,
            source=lab.content_source(service.name, path),
        )
