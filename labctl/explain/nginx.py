"""What nginx does with a request, read from its rendered files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from labctl.errors import LabctlError
from labctl.explain import virtual_hosts
from labctl.explain.nginx_syntax import Directive, SyntaxRefused, parse
from labctl.explain.steps import Decision, Outcome, mismatch, proxied, returned, texts
from labctl.explain.url import Request
from labctl.explain.virtual_hosts import Choice
from labctl.model import Lab, Machine
from labctl.render.tree import Files

MAIN = "/etc/nginx/nginx.conf"
CERTIFICATE = "ssl_certificate"
_PASSES = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass")


@dataclass
class Nginx:
    """The nginx of one machine, as its rendered files configure it."""

    machine: Machine
    files: Files
    lab: Lab

    @cached_property
    def configuration(self) -> list[Directive]:
        """All of it. LabctlError where nginx itself would refuse it."""
        try:
            return parse(texts(self.files, "/etc/nginx/"), MAIN)
        except SyntaxRefused as error:
            raise LabctlError(
                f"{self.machine.name}: {error}", "nginx would refuse it too"
            ) from None

    def choose(self, name: str, port: int, address: str) -> Choice | None:
        """The virtual host that answers a name at an address and port."""
        hosts = virtual_hosts.virtual_hosts(self.configuration)
        chosen = virtual_hosts.choose(hosts, name, port, address)
        return virtual_hosts.walked(chosen, hosts, port, address)

    def decide(self, asked: Request, chosen: Choice) -> Decision:
        """What becomes of a request in this virtual host."""
        server = chosen.host.server
        reject = server.first("ssl_reject_handshake")
        if asked.tls != chosen.listen.tls:
            return mismatch(asked.tls)
        if asked.tls and reject and reject.arguments == ("on",):
            what = "the TLS handshake is refused: no certificate is shown"
            return Decision("nothing", what, (reject,))
        chain = virtual_hosts.locations(server, asked.path)
        for block in (server, *chain[-1:]):
            if answered := block.first("return"):
                return Decision(*self.returned(asked, answered), (*chain, answered))
        inner = chain[-1] if chain else server
        passed = next((d for name in _PASSES for d in inner.all(name)), None)
        return self.passed(passed, chain) if passed else self.served(chain, server)

    def returned(self, asked: Request, directive: Directive) -> tuple[Outcome, str]:
        """A ``return``: an answer that nginx makes itself."""
        status, *text = directive.arguments or ("",)
        return returned(status, self.filled(asked, text[0]) if text else "")

    def filled(self, asked: Request, text: str) -> str:
        """A text with nginx's variables in it, as far as they are known here."""
        known: Mapping[str, str] = {
            "$host": asked.host,
            "$http_host": asked.host,
            "$request_uri": asked.target,
            "$uri": asked.path,
            "$scheme": "https" if asked.tls else "http",
        }
        known = {**known, **dict(virtual_hosts.mapped(self.configuration, known))}
        return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda m: known.get(f"${m[1] or m[2]}", m[0]), text)

    def passed(self, directive: Directive, chain: tuple[Directive, ...]) -> Decision:
        """Handed to another server: an upstream of the lab, or a program's socket."""
        target = directive.arguments[0] if directive.arguments else ""
        if directive.name == "fastcgi_pass":
            what = f"handed to a program by FastCGI at {target}"
            return Decision("program", what, (*chain, directive))
        name = target.partition("://")[2].partition("/")[0]
        server = self.upstream(name)
        address = server.arguments[0] if server else name
        deciding = (*chain, directive, *((server,) if server else ()))
        return Decision("proxied", proxied(self.lab, name, address), deciding, address)

    def upstream(self, name: str) -> Directive | None:
        """The first server of an upstream block."""
        blocks = [b for http in self.configuration if http.name == "http"
                  for b in http.all("upstream") if b.arguments == (name,)]  # fmt: skip
        return blocks[0].first("server") if blocks else None

    def served(self, chain: tuple[Directive, ...], server: Directive) -> Decision:
        """A file of a directory: the innermost ``root`` or ``alias`` says which."""
        for block in (*reversed(chain), server):
            for name in ("alias", "root"):
                if directory := block.first(name):
                    what = f"served from the directory {directory.arguments[0]}"
                    return Decision("files", what, (*chain, directory))
        return Decision("files", "served from nginx's own default directory", chain)
