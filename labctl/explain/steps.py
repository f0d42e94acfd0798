"""What an explanation is made of: values that the servers' readers make and the CLI prints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from labctl import inspecting
from labctl.explain.nginx_syntax import Directive
from labctl.explain.virtual_hosts import Choice
from labctl.model import Lab, Machine, Service
from labctl.render.tree import Files

_INSPECTOR = f"the inspector, which hands it back to port {inspecting.BEHIND} of this machine"
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
    """What one machine does with the request: which virtual host, why, and what comes of it.

    ``walk`` says what its address and its port have left to choose among.
    """

    machine: str
    address: str
    port: int
    server: str
    why: str
    outcome: Outcome
    what: str
    lines: tuple[Line, ...]
    walk: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What a virtual host does with a request: by which directives, and where it goes on."""

    outcome: Outcome
    what: str
    deciding: tuple[Directive, ...] = ()
    behind: str = ""


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


def step(machine: Machine, files: Files, chosen: Choice, decision: Decision, port: int) -> Step:
    """What happens on a machine, with the lines that decide it."""
    found = {(d.file, d.line): d for d in (*chosen.deciding, *decision.deciding)}
    names = " ".join(name for name, _ in chosen.host.names)
    lines = tuple(_lines(found.values(), machine, files))
    address = chosen.listen.address or machine.address
    return Step(machine.name, address, port, names, chosen.why, decision.outcome,
                decision.what, lines, chosen.walk)  # fmt: skip


def _lines(directives: Iterable[Directive], machine: Machine, files: Files) -> Iterable[Line]:
    for directive in directives:
        entry = files[directive.file]
        text = entry.content.decode(errors="replace").splitlines()[directive.line - 1].strip()
        placed = entry.source == "labctl" or re.search(r":\d+$", entry.source)
        source = entry.source if placed else f"{entry.source}:{directive.line}"
        yield Line(machine.name, directive.file, directive.line, text, source)


def texts(files: Files, below: str) -> dict[str, str]:
    """The texts of a machine's files below a directory."""
    return {
        path: entry.content.decode(errors="replace")
        for path, entry in files.items()
        if path.startswith(below)
    }


def mismatch(tls: bool) -> Decision:
    """A port that is asked in the other protocol, TLS or not."""
    if tls:
        return Decision("nothing", "no TLS handshake: this port speaks plain HTTP")
    what = "refused with 400: plain HTTP was sent to a port that expects TLS"
    return Decision("nothing", what)


def returned(status: str, location: str = "") -> tuple[Outcome, str]:
    """An answer that a web server makes itself."""
    if status[:1] == "3" and location:
        return "redirect", f"redirected ({status}) to {location}"
    if status[:1] in ("4", "5"):
        return "refused", f"refused with {status}"
    return "answer", f"answered with {status} by the web server itself"


def proxied(lab: Lab, name: str, address: str) -> str:
    """Where a request goes on: the service that is called so, or that answers at this address."""
    if address == inspecting.TAKES:
        return f"proxied to {_INSPECTOR}"
    service = lab.services.get(name) or _at(lab, address)
    if service is None:
        return f"proxied to {address}"
    place = f", {service.source}" if service.source else ""
    return (
        f"proxied to the {service.kind} service {service.name} "
        f"on the machine {service.machine}, {address}{place}"
    )


def _at(lab: Lab, address: str) -> Service | None:
    host, _, port = address.partition(":")
    for service in lab.services.values():
        route = service.expansion.route
        addresses = {m.address for m in lab.replicas_of(service.name)}
        if route and str(route.port) == port and host in addresses:
            return service
    return None
