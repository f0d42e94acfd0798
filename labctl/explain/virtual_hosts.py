"""Which virtual host and which location nginx takes for a request, by nginx's own rules.

nginx.org: "How nginx processes a request", "Server names", and ``location`` in
ngx_http_core_module. A connection comes to an address and a port: those that listen on just that
address are asked before those that listen on all. What is the same for Apache is used there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from labctl.explain.nginx_syntax import Directive

SHARED = (80, 443)  # ports of many sites


@dataclass(frozen=True, slots=True)
class Listen:
    """A port on which a virtual host listens, at one address or ("") at all of its machine."""

    port: int
    tls: bool
    default: bool
    directive: Directive
    address: str = ""


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """A ``server`` block with its ports and its names."""

    server: Directive
    listens: tuple[Listen, ...]
    names: tuple[tuple[str, Directive], ...]

    def at(self, port: int, address: str = "") -> Listen | None:
        """How it listens on a port, or None; QUIC's line only where there is no other."""
        found = [
            listen
            for listen in self.listens
            if listen.port == port and listen.address in ("", address)
        ]
        return min(found, key=lambda one: "quic" in one.directive.arguments, default=None)


@dataclass(frozen=True, slots=True)
class Choice:
    """The virtual host that answers, why, and the directives that decide it.

    ``walk`` says how the choice came down to a few: by the address, then by the port.
    """

    host: VirtualHost
    listen: Listen
    why: str
    deciding: tuple[Directive, ...]
    default: bool = False
    walk: tuple[str, ...] = ()


def virtual_hosts(configuration: Iterable[Directive]) -> tuple[VirtualHost, ...]:
    """The virtual hosts of a whole configuration, in nginx's order."""
    blocks = [d for d in configuration if d.name == "http"]
    return tuple(_virtual_host(server) for http in blocks for server in http.all("server"))


def _virtual_host(server: Directive) -> VirtualHost:
    names = [(n.lower() if n[:1] != "~" else n, d)
             for d in server.all("server_name") for n in d.arguments]  # fmt: skip
    return VirtualHost(server, tuple(map(_listen, server.all("listen"))), tuple(names))


def _listen(directive: Directive) -> Listen:
    socket, *parameters = directive.arguments or ("80",)
    address, _, port = socket.rpartition(":") if not socket.endswith("]") else (socket, "", "80")
    return Listen(
        port=int(port) if port.isdecimal() else 80,
        tls="ssl" in parameters or "quic" in parameters,
        default="default_server" in parameters,
        directive=directive,
        address="" if address in ("*", "0.0.0.0", "unix") else address,  # noqa: S104 (compared)
    )


There = list[tuple[VirtualHost, Listen]]


def at(hosts: Iterable[VirtualHost], port: int, address: str) -> There:
    """Those that answer at an address and port: where some name the address, no others do."""
    there = [(host, listen) for host in hosts if (listen := host.at(port, address))]
    return [pair for pair in there if pair[1].address] or there


_SHOWN = 6  # names of virtual hosts in a sentence


def walked(
    chosen: Choice | None, hosts: Iterable[VirtualHost], port: int, address: str
) -> Choice | None:
    """A choice with the way to it: what the address and the port have left to choose among."""
    if chosen is None:
        return None
    there = at(hosts, port, address)
    names = [host.names[0][0] if host.names else "one without a name" for host, _ in there]
    left = ", ".join(names[:_SHOWN])
    left += f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    whose = "the virtual hosts for it alone are asked"
    if not there[0][1].address:
        whose = "no virtual host is for it alone, so those for every address are asked"
    return replace(chosen, walk=(f"{address}: {whose}", f"{port}: these are {left}"))


def alone(there: There, port: int) -> Choice | None:
    """The only virtual host of an address of its own, or of a port that is not shared."""
    host, listen = there[0]
    if len(there) > 1 or (not listen.address and port in SHARED):
        return None
    where = f"{listen.address}, port {port}" if listen.address else f"port {port}"
    why = f"it is the only one at {where}: no name is looked at"
    return Choice(host, listen, why, (listen.directive,))


def choose(hosts: Iterable[VirtualHost], name: str, port: int, address: str = "") -> Choice | None:
    """The virtual host for a host name at an address and port; None where nobody listens there.

    Order: an exact name, the longest ``*.name``, the longest ``name.*``, the first regular
    expression that matches, else the port's default server.
    """
    there = at(hosts, port, address)
    if lone := there and alone(there, port):
        return lone
    ranked = [
        (rank, number, host, listen, given, directive)
        for number, (host, listen) in enumerate(there)
        for given, directive in host.names
        if (rank := _rank(given, name)) is not None
    ]
    if ranked:
        rank, _, host, listen, given, directive = min(ranked, key=lambda found: found[:2])
        why = f"its server_name {given} is the {_words(rank[0])} for {name}"
        return Choice(host, listen, why, (listen.directive, directive))
    return _default(there, name, port)


def _words(kind: int) -> str:
    return {0: "exact name", 1: "longest matching leading wildcard",
            2: "longest matching trailing wildcard",
            3: "first matching regular expression"}[kind]  # fmt: skip


def _default(there: There, name: str, port: int) -> Choice | None:
    marked = [(host, listen) for host, listen in there
              if any(one.default for one in host.listens if one.port == port)]  # fmt: skip
    for host, listen in marked or there:
        mark = "the default_server" if marked else "the first one, and there is no default_server,"
        why = f"no server_name matches {name}, and this is {mark} of port {port}"
        return Choice(host, listen, why, (listen.directive,), default=True)
    return None


def _rank(given: str, name: str) -> tuple[int, int] | None:
    """How well a ``server_name`` fits, the smaller the better; None where it does not."""
    if given == name or given == f".{name}":
        return 0, 0
    suffix = given.removeprefix("*")
    if suffix[:1] == "." and name.endswith(suffix):
        return 1, -len(suffix)
    if given[-2:] == ".*" and name.startswith(given[:-1]):
        return 2, -len(given)
    if given[:1] == "~" and matches(given[1:], name):
        return 3, 0
    return None


def matches(pattern: str, text: str, ignore_case: bool = False) -> bool:
    """Whether a regular expression of nginx's (PCRE) matches somewhere in a text.

    Python's own are near enough once two spellings are changed; what it cannot read matches
    nothing.
    """
    python = re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", pattern).replace(r"\z", r"\Z")
    try:
        return re.search(python, text, re.IGNORECASE if ignore_case else 0) is not None
    except re.error:
        return False


def locations(server: Directive, path: str) -> tuple[Directive, ...]:
    """The locations for a path, from the outer to the innermost, which decides."""
    return tuple(_find(server, path)[0])


def _find(block: Directive, path: str) -> tuple[list[Directive], bool]:
    """The chain of locations, and whether an exact or a regular one ends the search."""
    found = list(block.all("location"))
    for location in found:
        if location.arguments[:1] == ("=",) and location.arguments[1:] == (path,):
            return [location], True
    prefixes = [
        one for one in found if _prefix(one) is not None and path.startswith(_prefix(one) or "")
    ]
    chain: list[Directive] = []
    if prefixes:
        longest = max(prefixes, key=lambda one: len(_prefix(one) or ""))
        inner, final = _find(longest, path)
        chain = [longest, *inner]
        if final or longest.arguments[0] == "^~":
            return chain, final
    for location in found:
        if _is_regular(location) and _matches(location, path):
            return [location, *_find(location, path)[0]], True
    return chain, False


def _prefix(location: Directive) -> str | None:
    words = location.arguments
    if len(words) == 1 and words[0][:1] != "@":
        return words[0]
    return words[1] if words[:1] == ("^~",) and len(words) == 2 else None


def _is_regular(location: Directive) -> bool:
    return location.arguments[:1] in (("~",), ("~*",)) and len(location.arguments) == 2


def _matches(location: Directive, path: str) -> bool:
    return matches(location.arguments[1], path, ignore_case=location.arguments[0] == "~*")


def mapped(
    configuration: Iterable[Directive], values: Mapping[str, str]
) -> Iterator[tuple[str, str]]:
    """The variables that ``map`` blocks make of others (exact values, host names, default)."""
    for http in (d for d in configuration if d.name == "http"):
        for block in http.all("map"):
            source, _, target = " ".join(block.arguments).partition(" ")
            if source in values:
                yield target, _looked_up(block, values[source])


def _looked_up(block: Directive, value: str) -> str:
    entries = [(d.name.lower(), d.arguments[0]) for d in block.block or () if d.arguments]
    fitting = [(rank, to) for key, to in entries if (rank := _rank(key, value)) is not None]
    if fitting:
        return min(fitting)[1]
    return next((to for key, to in entries if key == "default"), "")
