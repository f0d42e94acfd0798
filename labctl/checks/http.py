"""HTTP by curl: one request, or the same again with the ETag it got.

curl reads everything from its standard input: a password in a URL or a header is no word of
a command, which everybody on the machine could read. (``-q``: not its user's own settings.)
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from typing import Any

from labctl.checks import bounded

_SECONDS = 60  # whoever asks stops it earlier
_PEOPLE = "/root/tls"  # on a client
_WRITE = "%{stderr}%{time_total} %{url_effective}"
_OPTIONS = (
    ("follow", "location"), ("proxy", "proxy"), ("cacert", "cacert"), ("file", "data-binary"),
)  # fmt: skip
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """What came back for ``url``: status, location, header fields, body, or an error.

    ``connect`` is a host to connect to instead of the URL's, ``conditional`` asks a second
    time with If-None-Match (RFC 9110 section 13.1.2), ``follow`` follows redirects, ``method``,
    ``headers`` and ``body`` are what they say, ``cacert`` another trust store, ``proxy`` the URL of
    a proxy, ``person`` who shows a client certificate. A body is filled up with spaces to ``size``
    bytes. A field that comes several times is one, with commas (RFC 9110 section 5.3).
    """
    seen = _fetch(request, {})
    if request.get("conditional") and not seen.get("error"):
        etag = seen["header"].get("etag")
        if not etag:
            return {"error": "the first answer has no ETag"}
        seen = _fetch(request, {"If-None-Match": etag})
    return seen


def _fetch(request: dict[str, Any], more: dict[str, str]) -> dict[str, Any]:
    if request.get("size"):  # no line of curl's configuration is that long
        rest = {key: value for key, value in request.items() if key not in ("body", "size")}
        with tempfile.NamedTemporaryFile() as file:
            file.write(request.get("body", "").encode().ljust(request["size"]))
            file.flush()
            return _fetch({**rest, "file": f"@{file.name}"}, more)
    config = "".join(_lines({**request, "headers": {**request.get("headers", {}), **more}}))
    # beside the body, the heads of redirects are printed
    ran = bounded.run(["curl", "-q", "--config", "-"], _SECONDS, config.encode(), 3 * bounded.KEPT)
    if ran.status != 0 and not ran.ended.startswith("more than"):
        return {"error": ran.ended or _complaint(ran.err) or "curl says nothing"}
    return _parsed(ran)


def _lines(request: dict[str, Any]) -> Iterator[str]:
    """curl's options as lines of a configuration file."""
    yield "silent\nshow-error\ninclude\ngloboff\nconnect-timeout = 6\n"
    yield _option("write-out", _WRITE)
    yield _option("url", request["url"])
    for name, value in request["headers"].items():
        yield _option("header", f"{name}: {value}")
    if request.get("body") is not None:
        yield _option("data-raw", request["body"])
    if request.get("connect"):
        yield _option("connect-to", f"::{request['connect']}:")
    for name, option in _OPTIONS:
        if request.get(name):
            yield "location\n" if name == "follow" else _option(option, request[name])
    yield from _person(request.get("person"))
    if request.get("version"):
        yield f"http{request['version']}\n"
    if request.get("method") == "HEAD":
        yield "head\n"
    elif request.get("method"):
        yield _option("request", request["method"])


def _person(name: str | None) -> Iterator[str]:
    """The client certificate of a person, and its key, where the lab has put them."""
    if name:
        yield _option("cert", f"{_PEOPLE}/{name}.pem")
        yield _option("key", f"{_PEOPLE}/{name}.key")


def _option(name: str, value: str) -> str:
    return f'{name} = "{"".join(_ESCAPES.get(c, c) for c in value)}"\n'


def _parsed(ran: bounded.Ran) -> dict[str, Any]:
    """The answer's parts: the last head that there is, after those of redirects and proxies."""
    head, body = "", ran.out.decode(errors="replace")
    while re.match(r"HTTP/[0-9.]+ ", body):
        head, _, body = body.replace("\r\n\r\n", "\n\n", 1).partition("\n\n")
    lines = head.splitlines()
    found = re.match(r"HTTP/([0-9.]+) ([0-9]{3})", lines[0]) if lines else None
    if not found:
        return {"error": "what answers does not speak HTTP"}
    fields: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        if colon:
            fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return {
        "status": int(found[2]),
        "version": found[1],
        "header": fields,
        "location": fields.get("location", ""),
        "type": fields.get("content-type", ""),
        **_told(ran),
        "body": body[: bounded.KEPT],
    }


def _complaint(errors: bytes) -> str:
    """What curl complains of, without what it tells of every transfer."""
    lines = errors.decode(errors="replace").splitlines()
    return next((line for line in lines if line.startswith("curl: ")), "")


def _told(ran: bounded.Ran) -> dict[str, Any]:
    """What curl tells of a transfer that it could end."""
    told = re.fullmatch(r"([0-9.]+) (\S*)\n?", ran.err.decode(errors="replace"))
    return {"milliseconds": round(float(told[1]) * 1000), "url": told[2]} if told else {}
