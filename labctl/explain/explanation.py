"""Which virtual host answers a URL, why, what happens to it, and the lines that decide.

Pure: a lab and its rendered tree in, an explanation out. What is explained is what labctl
renders; a file changed by hand on a machine is for ``labctl plan`` to show.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from labctl import webserver
from labctl.errors import LabctlError
from labctl.explain import virtual_hosts
from labctl.explain.nginx_syntax import Directive, SyntaxRefused, parse
from labctl.explain.url import Request
from labctl.explain.virtual_hosts import Choice
from labctl.model import AddressOf, Lab, Machine
from labctl.render.tree import Files, Tree

NGINX = "/etc/nginx/nginx.conf"
_PASSES = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass")
Outcome = Literal["redirect", "refused", "proxied", "program", "files", "answer", "nothing"]


@dataclass(frozen=True, slots=True)
class Line:
    """A rendered line that decides something, and what a person edits to change it."""

    machine: str
    file: str
    line: int
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Step:
    """What one machine does with the request: which virtual host, why, and what comes of it."""

    machine: str
    address: str
    port: int
    server: str
    why: str
    outcome: Outcome
    what: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate that the client is shown.

    ``signer`` is the lab's CA, the certificate itself, or somebody else; ``covers`` whether it
    has the host's name.
    """

    file: str
    signer: Literal["ca", "self", "other"]
    covers: bool
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """The whole way of a request. ``notes`` are what a person should know beside it."""

    url: str
    lab: str
    host: str
    port: int
    steps: tuple[Step, ...] = ()
    certificate: Certificate | None = None
    notes: tuple[str, ...] = ()


def explain(asked: Request, lab: Lab, tree: Tree) -> Explanation:
    """Follow a request through the front and the machine behind it."""
    found = Explanation(
        asked.url, lab.name, asked.host, asked.port, notes=tuple(_notes(asked, lab))
    )
    front = _front(asked.host, lab)
    port = _inside(asked, lab)
    if port is None:
        return replace(found, notes=(*found.notes, _closed(asked, lab)))
    nginx = _Nginx(front, tree.machines[front.name], lab)
    chosen = virtual_hosts.choose(nginx.hosts, asked.host, port)
    if chosen is None:
        note = f"the front does not listen on port {port}"
        return replace(found, notes=(*found.notes, note))
    step, behind = nginx.step(asked, chosen, port)
    steps = (step, *_behind(asked, behind, lab, tree))
    shown = asked.tls and chosen.listen.tls and step.outcome != "nothing"
    certificate = _certificate(nginx, chosen, asked) if shown else None
    if shown and chosen.host.server.first("ssl_verify_client"):
        found = replace(found, notes=(*found.notes, _SHOW))
    return replace(found, steps=steps, certificate=certificate)


_SHOW = "only who shows a client certificate gets so far; all others are refused with 400 or 403"


def _front(host: str, lab: Lab) -> Machine:
    """The machine of the front that has this name, or else of the one for strangers."""
    owners = (site.front for site in lab.sites if host in site.names)
    return lab.machine_of(next(owners, lab.of_kind("front")[0].name))


def _inside(asked: Request, lab: Lab) -> int | None:
    """The front's own port for the URL's: names below .localhost are for use on the host."""
    usual = {lab.publishing.http, lab.publishing.https}
    every = ([p for p in m.ports if p.transport == "tcp"] for m in lab.machines.values())
    ports = next((ports for ports in every if usual & {p.host for p in ports}), [])
    published = {port.host: port.container for port in ports}
    if asked.host.endswith("localhost"):
        return published.get(asked.port)
    own = set(published.values())
    return asked.port if asked.port in own else published.get(asked.port, asked.port)


def _closed(asked: Request, lab: Lab) -> str:
    http, https = lab.publishing.http, lab.publishing.https
    return (f"nothing of {lab.name} listens on port {asked.port} of the host: "
            f"it has HTTP at {http} and HTTPS at {https}")  # fmt: skip


def _notes(asked: Request, lab: Lab) -> Iterable[str]:
    """A name that is not the front's own address inside the lab."""
    for record in lab.records:
        name = lab.domain if record.name == "@" else f"{record.name}.{lab.domain}"
        if record.type == "A" and name == asked.host and isinstance(record.value, AddressOf):
            machine = lab.machine_of(record.value.service)
            if not webserver.is_front(machine, lab):
                yield (f"inside the lab {name} is the machine {machine.name} ({machine.address}), "
                       "whose clients never come to the front")  # fmt: skip


def _behind(asked: Request, address: str, lab: Lab, tree: Tree) -> Iterable[Step]:
    """What the machine behind the front does, where that runs an nginx too."""
    host, _, port = address.partition(":")
    machine = next((m for m in lab.machines.values() if host in m.addresses.values()), None)
    if machine is None or NGINX not in tree.machines[machine.name]:
        return
    nginx = _Nginx(machine, tree.machines[machine.name], lab)
    chosen = virtual_hosts.choose(nginx.hosts, asked.host, int(port or 80))
    if chosen is not None:
        yield nginx.step(replace(asked, tls=False), chosen, int(port or 80))[0]


@dataclass
class _Nginx:
    """The nginx of one machine, as its rendered files configure it."""

    machine: Machine
    files: Files
    lab: Lab

    @cached_property
    def configuration(self) -> list[Directive]:
        own = {path: entry for path, entry in self.files.items() if path.startswith("/etc/nginx/")}
        texts = {path: entry.content.decode(errors="replace") for path, entry in own.items()}
        try:
            return parse(texts, NGINX)
        except SyntaxRefused as error:
            raise LabctlError(
                f"{self.machine.name}: {error}", "nginx would refuse it too"
            ) from None

    @cached_property
    def hosts(self) -> tuple[virtual_hosts.VirtualHost, ...]:
        return virtual_hosts.virtual_hosts(self.configuration)

    def line(self, directive: Directive) -> Line:
        entry = self.files[directive.file]
        text = entry.content.decode(errors="replace").splitlines()[directive.line - 1].strip()
        placed = entry.source == "labctl" or re.search(r":\d+$", entry.source)
        source = entry.source if placed else f"{entry.source}:{directive.line}"
        return Line(self.machine.name, directive.file, directive.line, text, source)

    def step(self, asked: Request, chosen: Choice, port: int) -> tuple[Step, str]:
        """What happens here, and the address of the server behind where it goes on."""
        outcome, what, deciding, behind = self.decide(asked, chosen)
        lines = {(d.file, d.line): self.line(d) for d in (*chosen.deciding, *deciding)}
        names = " ".join(name for name, _ in chosen.host.names)
        step = Step(self.machine.name, self.machine.address, port, names, chosen.why, outcome,
                    what, tuple(lines.values()))  # fmt: skip
        return step, behind

    def decide(
        self, asked: Request, chosen: Choice
    ) -> tuple[Outcome, str, tuple[Directive, ...], str]:
        server = chosen.host.server
        reject = server.first("ssl_reject_handshake")
        if asked.tls != chosen.listen.tls:
            return "nothing", _mismatch(asked), (), ""
        if asked.tls and reject and reject.arguments == ("on",):
            return "nothing", "the TLS handshake is refused: no certificate is shown", (reject,), ""
        chain = virtual_hosts.locations(server, asked.path)
        for block in (server, *chain[-1:]):
            if answered := block.first("return"):
                return *self.returned(asked, answered), (*chain, answered), ""
        inner = chain[-1] if chain else server
        passed = next((d for name in _PASSES for d in inner.all(name)), None)
        if passed:
            return self.passed(passed, chain)
        return *self.served(chain, server), ""

    def returned(self, asked: Request, directive: Directive) -> tuple[Outcome, str]:
        """A ``return``: an answer that nginx makes itself."""
        status = directive.arguments[0] if directive.arguments else ""
        if status[:1] == "3" and len(directive.arguments) > 1:
            return (
                "redirect",
                f"redirected ({status}) to {self.filled(asked, directive.arguments[1])}",
            )
        if status[:1] in ("4", "5"):
            return "refused", f"refused with {status}"
        return "answer", f"answered with {status} by nginx itself"

    def filled(self, asked: Request, text: str) -> str:
        """A text with nginx's variables in it, as far as they are known here."""
        known = {"$host": asked.host, "$http_host": asked.host, "$request_uri": asked.target,
                 "$uri": asked.path, "$scheme": "https" if asked.tls else "http"}  # fmt: skip
        known |= dict(virtual_hosts.mapped(self.configuration, known))
        return re.sub(r"\$(?:\{(\w+)\}|(\w+))",
                      lambda m: known.get(f"${m[1] or m[2]}", m[0]), text)  # fmt: skip

    def passed(
        self, directive: Directive, chain: tuple[Directive, ...]
    ) -> tuple[Outcome, str, tuple[Directive, ...], str]:
        """Handed to another server: an upstream of the lab, or a program's socket."""
        target = directive.arguments[0] if directive.arguments else ""
        if directive.name == "fastcgi_pass":
            return "program", f"handed to a program by FastCGI at {target}", (*chain, directive), ""
        name = target.partition("://")[2].partition("/")[0]
        server = self.upstream(name)
        address = server.arguments[0] if server else name
        where = self.service(name, address)
        deciding = (*chain, directive, *((server,) if server else ()))
        return "proxied", f"proxied to {where}", deciding, address

    def upstream(self, name: str) -> Directive | None:
        """The first server of an upstream block."""
        blocks = [b for http in self.configuration if http.name == "http"
                  for b in http.all("upstream") if b.arguments == (name,)]  # fmt: skip
        return blocks[0].first("server") if blocks else None

    def service(self, name: str, address: str) -> str:
        service = self.lab.services.get(name)
        if service is None:
            return address
        place = f", {service.source}" if service.source else ""
        return (
            f"the {service.kind} service {name} on the machine {service.machine}, {address}{place}"
        )

    def served(
        self, chain: tuple[Directive, ...], server: Directive
    ) -> tuple[Outcome, str, tuple[Directive, ...]]:
        """A file of a directory: the innermost ``root`` or ``alias`` says which."""
        for block in (*reversed(chain), server):
            for name in ("alias", "root"):
                if directory := block.first(name):
                    what = f"served from the directory {directory.arguments[0]}"
                    return "files", what, (*chain, directory)
        return "files", "served from nginx's own default directory", chain


def _mismatch(asked: Request) -> str:
    if asked.tls:
        return "no TLS handshake: this port speaks plain HTTP"
    return "refused with 400: plain HTTP was sent to a port that expects TLS"


def _certificate(nginx: _Nginx, chosen: Choice, asked: Request) -> Certificate | None:
    from labctl.explain import certificate_chain

    directive = chosen.host.server.first("ssl_certificate")
    entry = nginx.files.get(directive.arguments[0]) if directive else None
    if directive is None or entry is None:
        return None
    root = nginx.files[f"/usr/local/share/ca-certificates/{nginx.lab.name}.crt"].content
    signer, names = certificate_chain.read(entry.content, root)
    return Certificate(directive.arguments[0], signer, asked.host in names, names)
