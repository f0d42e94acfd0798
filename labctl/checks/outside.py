"""Checks of a lab addressed to a server outside it: the learner's own, anywhere.

Pure. A target stands for a host of the lab, or for all of them. What a question, or what is
expected of its answer, says of that host is said of the target instead; what cannot be asked
of it is told why, and counts for nothing. Nobody but the target is dialled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from labctl.checks import ports
from labctl.checks.variables import Pattern, Sealed
from labctl.errors import LabctlError
from labctl.model import Check, Lab
from labctl.spec.problems import shown

CLIENTS = frozenset({"http", "ws", "tls"})
_LOOKING = frozenset({"command", "commands", "file", "process", "log"})
_PORTS = {"http": 80, "https": 443}
_PLAIN = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_URL = re.compile(r"(https?|wss?)://([^/?#:]+)(?::([0-9]+))?(.*)", re.DOTALL)


class NotAsked(Exception):
    """A check cannot be asked outside the lab; why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A server as its learner names it; ``stands_for`` a host of the lab, "" for each."""

    scheme: str
    host: str
    port: int
    path: str = ""
    stands_for: str = ""

    @property
    def authority(self) -> str:
        """Host and port as a URL has them (RFC 3986 section 3.2)."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == _PORTS[self.scheme] else f"{name}:{self.port}"

    def url(self, scheme: str, rest: str) -> str:
        """A URL below it in the plain or the secure form of a scheme (http, ws)."""
        plain = "ws" if scheme.startswith("ws") else "http"
        secure = "s" if self.scheme == "https" else ""
        return f"{plain}{secure}://{self.authority}{self.path}{rest}"

    def __str__(self) -> str:
        said = f"{self.scheme}://{self.authority}{self.path}"
        return f"{self.stands_for}={said}" if self.stands_for else said


def read(text: str, lab: Lab) -> Target:
    """A target from ``URL`` or ``NAME=URL``; LabctlError (2) where it is neither."""
    name, equals, url = text.partition("=")
    if not equals or "/" in name:
        name, url = "", text
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        host, port = "", None
    if not host or parts.scheme not in _PORTS or not re.fullmatch(r"[!-~]+", url):
        hint = "for example https://me.example, or app=http://192.0.2.7:8000"
        raise LabctlError(f"'{shown(text)}' is no URL of a server", hint, 2)
    if parts.username is not None or parts.query or parts.fragment:
        raise LabctlError(f"'{shown(text)}' says more than where a server is", "", 2)
    path = parts.path.rstrip("/")
    return Target(parts.scheme, host, port or _PORTS[parts.scheme], path, _host(name, lab))


def _host(name: str, lab: Lab) -> str:
    """A host of the lab by its name, in full or below the lab's domain; "" for none."""
    known = {site_name for site in lab.sites for site_name in site.names}
    for one in (name, lab.domain if name == "@" else f"{name}.{lab.domain}"):
        if one in known or not name:
            return one if name else ""
    raise LabctlError(f"{lab.name} has no site '{shown(name)}'", f"its sites: {_sites(lab)}", 2)


def _sites(lab: Lab) -> str:
    return ", ".join(site.name for site in lab.sites)


def moved(check: Check, targets: Sequence[Target], lab: Lab) -> Check:
    """A check as it is asked of the targets; NotAsked where it cannot be."""
    if check.client not in CLIENTS:
        what = "a machine" if check.client in _LOOKING else "other servers"
        raise NotAsked(f"{check.client} looks into {what} of the lab")
    if check.ask.get("connect"):
        raise NotAsked("it asks one host for the name of another")
    if check.ask.get("person"):
        raise NotAsked("it shows a client certificate of the lab")
    if any(name.startswith("account.") for name in _secrets(check.ask)):
        raise NotAsked("it logs in with an account of the lab")
    host = ports.host(check)
    mine = [one for one in targets if one.stands_for in (host, "")]
    mine = [one for one in mine if one.stands_for] or mine
    if not mine or not _inside(host, lab):
        raise NotAsked(f"no target stands for {shown(host)}")
    move = _Move(host, mine, lab)
    return replace(check, ask=move.question(check), expect=move.all(check.expect))


def _inside(host: str, lab: Lab) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in lab.domains)


def _secrets(value: Any) -> tuple[str, ...]:
    if isinstance(value, Sealed):
        return value.names
    inner = value.values() if isinstance(value, Mapping) else value
    parts = inner if isinstance(value, Mapping | list | tuple) else ()
    return tuple(name for part in parts for name in _secrets(part))


class _Move:
    """From a host of the lab to the targets that stand for it."""

    def __init__(self, host: str, targets: Sequence[Target], lab: Lab) -> None:
        self.host = host
        self.targets = {target.scheme: target for target in reversed(targets)}
        self.lab = lab
        start, end = r"(?:(https?|wss?)://)?(?<![\w.-])", r"(?![\w-]|\\?\.\w)"
        self.known = re.compile(f"{start}{re.escape(host)}{end}")
        # in a pattern the name is written as a pattern
        self.escaped = re.compile(f"{start}{re.escape(re.escape(host))}{end}")

    def question(self, check: Check) -> dict[str, Any]:
        """What is asked, of the target."""
        if check.client == "tls":
            return {**self.all(check.ask), **self.handshake(check.ask)}
        rest = {key: value for key, value in check.ask.items() if key != "url"}
        asked = {**self.all(rest), "url": self.url(check.ask["url"])}
        redirected = "location" in check.expect and "http" not in self.targets
        if redirected and ports.of(check) == {_PORTS["http"]}:
            raise NotAsked("it asks plain HTTP, for which no target is named")
        # redirects may lead anywhere: they are followed to the target's host only
        return {**asked, "connect": self.any.host} if asked.get("follow") else asked

    @property
    def any(self) -> Target:
        """The target that was named first."""
        return list(self.targets.values())[-1]

    def target(self, scheme: str) -> Target:
        """The target for a scheme. A secure one may stand for a plain one, never the reverse."""
        found = self.targets.get(_PLAIN[scheme]) or self.targets.get("https")
        if found is None:
            raise NotAsked(f"it needs TLS, and {self.any} has none")
        return found

    def url(self, url: str | Sealed) -> str | Sealed:
        """A question's URL."""
        if isinstance(url, Sealed):
            return replace(url, text=str(self.url(url.text)))
        found = _URL.fullmatch(url)
        if not found or (found[3] and int(found[3]) != _PORTS[_PLAIN[found[1]]]):
            raise NotAsked(f"it asks another port: {shown(url)}")
        return self.target(found[1]).url(found[1], found[4])

    def handshake(self, ask: Mapping[str, Any]) -> dict[str, Any]:
        """Where a TLS handshake goes."""
        if ask.get("starttls") or ask.get("port", 443) != _PORTS["https"]:
            raise NotAsked("it asks another port than that of HTTPS")
        target = self.target("https")
        return {"host": target.host, "port": target.port}

    def all(self, value: Any) -> Any:
        """A question or an expectation with the target's name in place of the host's."""
        if isinstance(value, Sealed):
            return replace(value, text=self.text(value.text, value.pattern))
        if isinstance(value, str):
            text = self.text(value, isinstance(value, Pattern))
            return Pattern(text) if isinstance(value, Pattern) else text
        if isinstance(value, Mapping):
            return {key: self.all(one) for key, one in value.items()}
        return [self.all(one) for one in value] if isinstance(value, list | tuple) else value

    def text(self, text: str, pattern: bool) -> str:
        """One text; NotAsked where it is about other names of the lab, too."""

        def other(found: re.Match[str]) -> str:
            name = self.any.host if not found[1] else self.target(found[1]).url(found[1], "")
            return re.escape(name) if pattern else name

        forms = (self.escaped, self.known) if pattern else (self.known,)
        rest = text
        for form in forms:
            text, rest = form.sub(other, text), form.sub("", rest)
        if any(domain in rest.replace("\\", "") for domain in self.lab.domains):
            raise NotAsked("it is about other names of the lab")
        return text
