"""Where a check connects to: a gateway may not lead there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from labctl.checks.variables import Sealed
from labctl.model import Check

_SCHEMES = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_READING = {"imap": 993, "pop3": 995}
_DEFAULTS = {"smtp": 25, "dns": 53, "tls": 443, **_READING}


def of(check: Check) -> frozenset[int]:
    """The ports, as far as the question says which."""
    ask = check.ask
    if "url" in ask:
        url = urlsplit(_text(ask["url"]))
        return frozenset({url.port or _SCHEMES[url.scheme]})
    own = ask.get("port", _DEFAULTS.get(check.client))
    read: Mapping[str, Any] = ask.get("read", {}) if check.client == "smtp" else {}
    also = read.get("port", _READING.get(read.get("protocol", "")))
    return frozenset(port for port in (own, also) if port)


def host(check: Check) -> str:
    """The host's name, or "" where a question has none."""
    ask = check.ask
    if "url" in ask:
        return urlsplit(_text(ask["url"])).hostname or ""
    return _text(ask.get("host", ""))


def _text(value: Any) -> str:
    return value.text if isinstance(value, Sealed) else str(value)
