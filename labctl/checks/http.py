"""HTTP by curl: one request, or the same again with the ETag it got."""

from __future__ import annotations

import re
import subprocess
from typing import Any

_BODY_LIMIT = 200_000


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """What came back for ``url``: status, location, headers, body, address, or an error.

    ``connect`` is a host to connect to instead of the URL's, ``conditional`` asks a second
    time with If-None-Match (RFC 9110 section 13.1.2), ``follow`` follows redirects, ``method``,
    ``headers`` and ``body`` are what they say, ``cacert`` another trust store, ``proxy`` the URL of
    a proxy.
    """
    seen = _fetch(request, {})
    if request.get("conditional") and not seen.get("error"):
        etag = seen["headers"].get("etag")
        if not etag:
            return {"error": "the first answer has no ETag"}
        seen = _fetch(request, {"If-None-Match": etag})
    return seen


_TIMEOUTS = ("--connect-timeout", "6", "--max-time", "15")
_CURL = ("curl", "--silent", "--show-error", "--include", *_TIMEOUTS)
_WRITE = "\n%{http_code} %{http_version} %{url_effective}"


def _fetch(request: dict[str, Any], more: dict[str, str]) -> dict[str, Any]:
    body = request.get("body")
    command = [*_CURL, "--write-out", _WRITE, *_options(request)]
    for name, value in {**request.get("headers", {}), **more}.items():
        command += ["--header", f"{name}: {value}"]
    if body is not None:
        command += ["--data-binary", "@-"]
    done = subprocess.run(
        [*command, "--", request["url"]],
        input=(body or "").encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        return {"error": done.stderr.decode(errors="replace").strip()}
    return _parsed(done.stdout.decode(errors="replace"))


def _options(request: dict[str, Any]) -> list[str]:
    """The options of curl that a question asks for."""
    method, connect = request.get("method", ""), request.get("connect")
    choices = {
        "connect": ["--connect-to", f"::{connect}:"],
        "follow": ["--location"],
        "proxy": ["--proxy", str(request.get("proxy"))],
        "cacert": ["--cacert", str(request.get("cacert"))],
        "version": [f"--http{request.get('version')}"],
        "method": ["--head"] if method == "HEAD" else ["--request", method],
    }
    return [word for name, words in choices.items() if request.get(name) for word in words]


def _parsed(output: str) -> dict[str, Any]:
    answer, _, told = output.rpartition("\n")
    status, version, url = told.split(" ", 2)
    head, body = "", answer
    while re.match(r"HTTP/[0-9.]+ ", body):
        head, _, body = body.replace("\r\n\r\n", "\n\n", 1).partition("\n\n")
    headers = {}
    for line in head.splitlines()[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return {
        "status": int(status),
        "version": version,
        "url": url,
        "headers": headers,
        "location": headers.get("location", ""),
        "type": headers.get("content-type", ""),
        "body": body[:_BODY_LIMIT],
    }
