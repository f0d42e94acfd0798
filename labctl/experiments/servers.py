"""The same files sent by nginx and by Apache: what a client sees of either, side by side.

HTTP says what a server must do with types, ranges, validators and compression (RFC 9110); much is
left to it. Each row is one request, sent to one site of each web server that sends a folder of
files itself. Where two columns differ, either is right, or one has been told otherwise: the lines
are in the servers' configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from labctl.checks import runner
from labctl.experiments import Figure, Needs
from labctl.experiments.apparatus.bench import Bench
from labctl.model import Check, Lab, Server, Site

TITLE = "the same files sent by nginx and by Apache"
NEEDS: Needs = "running"
STEPS = (
    "find a site of each web server that sends its files itself",
    "ask each for every kind of file that it has, for parts of one, and for what has not changed",
    "ask each for what it must not give: folders without a page, hidden files, other methods",
    "put both answers side by side",
)
UNKNOWN = "no-such-site"
Seen = Mapping[str, Any]
_GZIP = {"Accept-Encoding": "gzip"}


@dataclass(frozen=True, slots=True)
class Question:
    """A row: what is asked of a site, and what of the answer is shown.

    ``headers`` are made of the first page's own answer, for validators. ``stranger`` is the scheme
    by which the site's address is asked for a name that is nobody's.
    """

    key: str
    title: str
    show: Callable[[Seen], str]
    path: str = "/"
    method: str = ""
    headers: Callable[[Seen], Mapping[str, str]] = field(default=lambda first: {})
    body: str = ""
    stranger: str = ""


def run(bench: Bench) -> Iterable[Figure]:
    """Ask all sites the same."""
    found = sites(bench.lab)
    if not found:
        note = "no site of the lab is a folder of files that its front sends itself"
        yield Figure("servers.none", TITLE, None, note=note)
        return
    for server, site in found.items():
        bench.say(f"asking {site.host}, sent by {server}")
        first, gzipped = _ask(
            bench, [_check(bench.lab, site, row, {}) for row in (_FIRST, _ZIPPED)]
        )
        rows = [*types(bench.lab, found), *QUESTIONS]
        checks = [
            _check(bench.lab, site, row, gzipped if "gzip" in row.key else first) for row in rows
        ]
        for row, seen in zip(rows, _ask(bench, checks), strict=True):
            value = shown(row, seen)
            yield Figure(f"servers.{row.key}.{server}", row.title, value, side=server)


def sites(lab: Lab) -> Mapping[Server, Site]:
    """A site of each web server whose front sends the files of a folder itself."""
    found: dict[Server, Site] = {}
    for site in lab.sites:
        service, front = lab.services[site.service], lab.services[site.front]
        route = service.expansion.route
        itself = service.machine == front.machine and service.kind == "static"
        if (
            itself
            and route
            and site.tls == "ca"
            and site.open
            and not site.alone
            and not site.inside
        ):
            found.setdefault(route.server, site)
    return found


def types(lab: Lab, found: Mapping[Server, Site]) -> Iterable[Question]:
    """A row for each ending of a file that all of them have."""
    folders = [lab.contents[site.service] for site in found.values()]
    common = set(folders[0]).intersection(*folders[1:])
    endings = {path.rpartition(".")[2]: path for path in sorted(common, reverse=True)}
    for ending in sorted(endings):
        title = f"Content-Type of .{ending}"
        yield Question(f"type-{ending}", title, _field("content-type"), f"/{endings[ending]}")


def shown(row: Question, seen: Seen) -> str:
    """What a cell says: of an answer, or why there is none."""
    if error := seen.get("error"):
        return "no answer: " + str(error).rpartition(":")[2].strip()
    return row.show(seen)


def _check(lab: Lab, site: Site, row: Question, first: Seen) -> Check:
    """A question as the client of checks takes it; nothing is expected of it."""
    url = site.url(row.stranger, row.path)
    ask: dict[str, Any] = {"url": url, "headers": dict(row.headers(first)), "method": row.method}
    if row.body:
        ask["body"] = row.body
    if row.stranger:
        stranger = f"{UNKNOWN}.{lab.domain}"
        ask |= {"url": url.replace(site.host, stranger, 1), "connect": site.host}
    return Check(row.title, site.service, "http", ask, {})


def _ask(bench: Bench, checks: list[Check]) -> list[Seen]:
    """What comes back, in the same order."""
    results = runner.run(bench.lab, bench.kept, bench.containers, checks)
    return [result.seen for result in results]


# what a cell shows


def _status(seen: Seen) -> str:
    return str(seen["status"])


def _field(name: str) -> Callable[[Seen], str]:
    return lambda seen: str(seen["header"].get(name, "none"))


def _status_and(name: str) -> Callable[[Seen], str]:
    """The status and a field, without its parameters."""
    return lambda seen: (
        f"{seen['status']} {seen['header'].get(name, '').partition(';')[0]}".rstrip()
    )


def _etag(seen: Seen) -> str:
    """The form of a validator: its value is the server's own business."""
    etag = seen["header"].get("etag", "")
    weak = "weak" if etag.startswith("W/") else "strong"
    return f"{weak}, {len(etag.removeprefix('W/')) - 2} characters" if etag else "none"


def _size(seen: Seen) -> str:
    return f"{seen['status']}, {seen['header'].get('content-length', 'unknown')} bytes"


# what of the first answer is sent back


def _same_etag(first: Seen) -> Mapping[str, str]:
    return {"If-None-Match": first.get("header", {}).get("etag", "")}


def _same_etag_zipped(first: Seen) -> Mapping[str, str]:
    return {**_GZIP, **_same_etag(first)}


def _since(seconds: int) -> Callable[[Seen], Mapping[str, str]]:
    """A date so long after that of the page (RFC 9110 section 5.6.7)."""

    def headers(first: Seen) -> Mapping[str, str]:
        date = first.get("header", {}).get("last-modified", "")
        if not date:
            return {}
        moved = parsedate_to_datetime(date) + timedelta(seconds=seconds)
        return {"If-Modified-Since": format_datetime(moved, usegmt=True)}

    return headers


def _range(text: str) -> Callable[[Seen], Mapping[str, str]]:
    return lambda first: {"Range": f"bytes={text}"}


def _if_range(first: Seen) -> Mapping[str, str]:
    return {"Range": "bytes=0-3", "If-Range": '"another"'}


def _zipped(first: Seen) -> Mapping[str, str]:
    return _GZIP


_FIRST = Question("first", "the first page", _status)
_ZIPPED = Question("gzip-first", "the first page, compressed", _status, headers=_zipped)
QUESTIONS = (
    Question("server", "what it calls itself", _field("server")),
    Question("version", "version of HTTP over TLS", lambda seen: str(seen["version"])),
    Question("quic", "HTTP/3 offered (Alt-Svc)", _field("alt-svc")),
    Question("etag", "ETag of a page", _etag),
    Question("cache", "Cache-Control of a page", _field("cache-control")),
    Question("match", "same ETag (If-None-Match)", _status, headers=_same_etag),
    Question("since", "same date (If-Modified-Since)", _status, headers=_since(0)),
    Question("later", "a date one second later", _status, headers=_since(1)),
    Question("earlier", "a date one second earlier", _status, headers=_since(-1)),
    Question("range", "bytes 0-3", _status_and("content-range"), headers=_range("0-3")),
    Question(
        "ranges", "bytes 0-3 and 8-11", _status_and("content-type"), headers=_range("0-3,8-11")
    ),
    Question(
        "beyond", "bytes beyond the end", _status_and("content-range"), headers=_range("9999999-")
    ),
    Question("if-range", "bytes 0-3 of another version (If-Range)", _status, headers=_if_range),
    Question("head", "HEAD", _size, method="HEAD"),
    Question(
        "gzip", "Content-Encoding, where gzip is taken", _field("content-encoding"), headers=_zipped
    ),
    Question("gzip-vary", "Vary of that", _field("vary"), headers=_zipped),
    Question("gzip-etag", "ETag of that", _etag, headers=_zipped),
    Question("gzip-match", "same ETag as of that", _status, headers=_same_etag_zipped),
    Question("folder", "a folder without its slash", _status_and("location"), "/downloads"),
    Question("listing", "a folder without a page", _status, "/downloads/"),
    Question("missing", "a file that is not there", _status, "/no-such-file"),
    Question("hidden", "a hidden file", _status, "/.git/config"),
    Question("post", "POST to a file", _status, method="POST", body="a=b"),
    Question("put", "PUT of a file", _status, method="PUT", body="a"),
    Question("trace", "TRACE", _status, method="TRACE"),
    Question("unknown", "a name that is no site, by HTTP", _status, stranger="http"),
    Question("unknown-tls", "a name that is no site, by HTTPS", _status, stranger="https"),
)
