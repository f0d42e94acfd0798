"""Files sent as they are: pages, images, downloads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from labctl.kinds import Complaint, Scope
from labctl.model import Check, Expansion, File, Kept, Lab, Limits, Route, Service, Template
from labctl.spec.fields import Content, Doc


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a static service."""

    content: Annotated[
        str, Content(), Doc("folder with the files, beside the lab file; the service's name")
    ] = ""


def problems(options: Options, scope: Scope) -> Iterable[Complaint]:
    """A site of it would have no first page."""
    if scope.sites and "index.html" not in scope.content:
        yield Complaint(("content",), "there is no index.html, so its sites have no first page")


def root(service: Service) -> str:
    """The directory on the machine that holds the files."""
    return f"/var/www/{service.name}"


def expand(service: Service, scope: Scope) -> Expansion:
    """An nginx that sends the files of one directory."""
    return Expansion(
        route=Route(
            locations=Template(
                "static/locations.conf.j2",
                {"root": root(service), "not_found": "404.html" in scope.content},
            )
        ),
        ports={"http": 80},
        checks=tuple(_checks(service, scope)),
        limits=Limits(memory=64 * 2**20, processes=32),
    )


def _checks(service: Service, scope: Scope) -> Iterable[Check]:
    for site in scope.sites:
        if not site.open:
            continue
        yield Check(
            name=f"{site.name}: an unchanged page is answered with 304",
            service=service.name,
            client="http",
            ask={"url": url(site.host, site.tls), "conditional": True},
            expect={"status": 304},
            hint="a static page has an ETag, and If-None-Match with it is answered 304",
        )


def url(host: str, tls: str) -> str:
    """The address of a site's first page."""
    return f"{'http' if tls == 'none' else 'https'}://{host}/"


def files(service: Service, lab: Lab, kept: Kept) -> Iterable[File]:
    """The content, under the machine's web root."""
    for path, content in lab.contents[service.name].items():
        yield File(
            f"{root(service)}/{path}",
            content,
            source=lab.content_source(service.name, path),
        )
