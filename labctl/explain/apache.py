"""What Apache does with a request, read from its rendered files.

httpd.apache.org: "Name-based Virtual Host Support", "An In-Depth Discussion of Virtual Host
Matching". First the address and port decide, the most specific address before ``*``; then, among
the virtual hosts of that address and port in their order, the first that has the name. Where none
has it, the first one answers.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from labctl.errors import LabctlError
from labctl.explain import virtual_hosts
from labctl.explain.apache_syntax import parse
from labctl.explain.nginx_syntax import Directive, SyntaxRefused
from labctl.explain.steps import Decision, mismatch, proxied, returned, texts
from labctl.explain.url import Request
from labctl.explain.virtual_hosts import Choice, Listen, VirtualHost
from labctl.model import Lab, Machine
from labctl.render.tree import Files

MAIN = "/etc/apache2/apache2.conf"
CERTIFICATE = "sslcertificatefile"


@dataclass
class Apache:
    """The Apache of one machine, as its rendered files configure it."""

    machine: Machine
    files: Files
    lab: Lab

    @cached_property
    def configuration(self) -> list[Directive]:
        """All of it. LabctlError where Apache itself would refuse it."""
        try:
            return parse(texts(self.files, "/etc/apache2/"), MAIN)
        except SyntaxRefused as error:
            raise LabctlError(
                f"{self.machine.name}: {error}", "Apache would refuse it too"
            ) from None

    def choose(self, name: str, port: int, address: str) -> Choice | None:
        """The virtual host that answers a name at an address and port."""
        every = hosts(self.configuration)
        there = virtual_hosts.at(every, port, address)
        chosen = there and (virtual_hosts.alone(there, port) or _by_name(there, name, port))
        return virtual_hosts.walked(chosen or None, every, port, address)

    def decide(self, asked: Request, chosen: Choice) -> Decision:
        """What becomes of a request in this virtual host."""
        server = chosen.host.server
        if asked.tls != chosen.listen.tls:
            return mismatch(asked.tls)
        if asked.tls and (refused := _unusable(server)):
            what = "the TLS handshake fails: no client has a cipher in common with it"
            return Decision("nothing", what, (refused,))
        for directive in server.block or ():
            if decision := self.decision(directive, asked):
                return decision
        return Decision("files", "served from Apache's own default directory")

    def decision(self, directive: Directive, asked: Request) -> Decision | None:
        """What a directive decides of a request, where it is one that does."""
        words = directive.arguments
        if directive.name == "redirect" and len(words) >= 2 and asked.path.startswith(words[1]):
            return Decision(*returned(words[0], "".join(words[2:])), (directive,))
        if directive.name == "redirectmatch" and len(words) == 2:
            matched = virtual_hosts.matches(words[1], asked.path)
            return Decision(*returned(words[0]), (directive,)) if matched else None
        if directive.name == "rewriterule":
            return self.rewritten(directive, asked)
        if directive.name == "proxypass" and asked.path.startswith(words[0]):
            return self.passed(directive)
        if directive.name == "documentroot":
            return self.served(directive, asked)
        return None

    def rewritten(self, directive: Directive, asked: Request) -> Decision | None:
        """A ``RewriteRule`` that redirects (mod_rewrite), with its condition on host and target."""
        _, target, *flags = directive.arguments
        status = re.search(r"R=(\d+)", "".join(flags))
        condition = self.condition(directive)
        seen = f"{asked.host} GET {asked.target} HTTP/1.1"
        fits = re.search(condition.arguments[1], seen, re.IGNORECASE) if condition else None
        if status is None or condition is None or fits is None:
            return None
        where = target.replace("%1", fits[1]).replace("%2", fits[2])
        return Decision(*returned(status[1], where), (condition, directive))

    def condition(self, rule: Directive) -> Directive | None:
        """The ``RewriteCond`` that stands before a rule."""
        before = [
            d for d in _every(self.configuration) if d.file == rule.file and d.line < rule.line
        ]
        return before[-1] if before and before[-1].name == "rewritecond" else None

    def passed(self, directive: Directive) -> Decision:
        """Handed to another server, or to one of several."""
        target = directive.arguments[1]
        deciding = [directive]
        if target.startswith("balancer://"):
            member = self.member(target.removesuffix("/"))
            deciding += [member] if member else []
            target = member.arguments[0] if member else target
        address = target.partition("://")[2].rstrip("/")
        return Decision("proxied", proxied(self.lab, "", address), tuple(deciding), address)

    def member(self, balancer: str) -> Directive | None:
        """The first server of a balancer."""
        blocks = (d for d in _every(self.configuration) if d.name == "proxy")
        fitting = (d for d in blocks if d.arguments == (balancer,))
        return next((d.first("balancermember") for d in fitting), None)

    def served(self, root: Directive, asked: Request) -> Decision:
        """A file of a directory, unless a later line says that it is nobody's business."""
        for directive in self.virtual_host_of(root).all("redirectmatch"):
            if decision := self.decision(directive, asked):
                return decision
        return Decision("files", f"served from the directory {root.arguments[0]}", (root,))

    def virtual_host_of(self, directive: Directive) -> Directive:
        """The section in which a directive stands."""
        sections = (d for d in self.configuration if d.name == "virtualhost")
        return next(one for one in sections if directive in (one.block or ()))


def _by_name(there: virtual_hosts.There, name: str, port: int) -> Choice:
    """The first virtual host that has a name, or the first of all."""
    for host, listen in there:
        for given, directive in host.names:
            if fnmatch.fnmatchcase(name, given):
                word = "ServerName" if directive.name == "servername" else "ServerAlias"
                why = f"its {word} {given} is the first that has {name}"
                return Choice(host, listen, why, (listen.directive, directive))
    host, listen = there[0]
    why = f"no ServerName or ServerAlias has {name}, and this is the first of port {port}"
    return Choice(host, listen, why, (listen.directive,), default=True)


def hosts(configuration: list[Directive]) -> tuple[VirtualHost, ...]:
    """The virtual hosts of a whole configuration, in Apache's order."""
    sections = (d for d in configuration if d.name == "virtualhost")
    return tuple(_virtual_host(section) for section in sections)


def _virtual_host(section: Directive) -> VirtualHost:
    names = [
        (re.sub(r"^https?://|:\d+$", "", name).lower(), directive)
        for directive in section.block or ()
        if directive.name in ("servername", "serveralias")
        for name in directive.arguments
    ]
    engine = section.first("sslengine")
    tls = engine is not None and engine.arguments == ("on",)
    listens = tuple(_listen(socket, tls, section) for socket in section.arguments)
    return VirtualHost(section, listens, tuple(names))


def _listen(socket: str, tls: bool, section: Directive) -> Listen:
    address, _, port = socket.rstrip(">").rpartition(":")
    return Listen(
        port=int(port) if port.isdecimal() else 80,
        tls=tls,
        default=False,
        directive=section,
        address="" if address in ("*", "_default_") else address,
    )


def _unusable(server: Directive) -> Directive | None:
    """The line that leaves only ciphers with keys agreed on beforehand (RFC 4279)."""
    ciphers = server.first("sslciphersuite")
    names = ciphers.arguments[0].split(":") if ciphers else []
    return ciphers if names and all(name.startswith("PSK-") for name in names) else None


def _every(directives: list[Directive]) -> Iterator[Directive]:
    """All directives, those in sections too."""
    for directive in directives:
        yield directive
        yield from _every(directive.block or [])
