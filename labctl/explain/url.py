"""URLs of web sites, as people type them."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from labctl.errors import UsageError
from labctl.spec.names import to_ascii

_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Request:
    """What a URL asks for: its host in ASCII, lower case; the port as the URL says it."""

    url: str
    host: str
    port: int
    tls: bool
    path: str
    target: str


def request(url: str) -> Request:
    """Read a URL (RFC 3986); UsageError where it is none of a web site."""
    text = url if "://" in url else f"http://{url}"
    hint = "for example https://www.lab1.localhost/"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"{url!r} is no URL: {error}", hint) from None
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UsageError(f"{url!r} is no URL of a web site", hint)
    try:
        host = to_ascii(parts.hostname.rstrip("."))
    except ValueError as error:
        raise UsageError(f"{parts.hostname!r} is no host name: {error}", hint) from None
    usual = _PORTS[parts.scheme]
    target = _target(parts)
    return Request(
        text, host, usual if port is None else port, usual == 443, parts.path or "/", target
    )


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
