"""Which virtual host answers a URL, why, what happens to it, and the lines that decide.

Pure: a lab and its rendered tree in, an explanation out. What is explained is what labctl
renders; a file changed by hand on a machine is for ``labctl plan`` to show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from labctl import inspecting, webserver
from labctl.explain import apache, nginx, steps
from labctl.explain.apache import Apache
from labctl.explain.nginx import Nginx
from labctl.explain.steps import Certificate, Step
from labctl.explain.url import Request
from labctl.explain.virtual_hosts import Choice
from labctl.model import AddressOf, Lab, Machine
from labctl.render.tree import Files, Tree


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
    front, address = _reached(asked, lab)
    port = _inside(asked, front, lab)
    if port is None:
        return replace(found, notes=(*found.notes, _closed(asked, lab)))
    server = _server(front, tree, lab)
    chosen = server.choose(asked.host, port, address) if server else None
    if server is None or chosen is None:
        note = f"the front does not listen on port {port}"
        return replace(found, notes=(*found.notes, note))
    decision = server.decide(asked, chosen)
    step = steps.step(front, server.files, chosen, decision, port)
    behind = _behind(asked, decision.behind, front, lab, tree)
    shown = asked.tls and chosen.listen.tls and step.outcome != "nothing"
    certificate = _certificate(server.files, chosen, asked, lab) if shown else None
    if shown and chosen.host.server.first("ssl_verify_client"):
        found = replace(found, notes=(*found.notes, _SHOW))
    return replace(found, steps=(step, *behind), certificate=certificate)


_SHOW = "only who shows a client certificate gets so far; all others are refused with 400 or 403"


def _reached(asked: Request, lab: Lab) -> tuple[Machine, str]:
    """The machine and the address that a URL leads to: by its host's name, or by an address.

    A name that is nobody's is taken to the front for strangers; on the host, any name to whatever
    has the port there.
    """
    for machine in lab.machines.values():
        if asked.host in (*machine.addresses.values(), *machine.further.values()):
            return machine, asked.host
    site = next((site for site in lab.sites if asked.host in site.names), None)
    front = lab.machine_of(site.front if site else lab.of_kind("front")[0].name)
    if _on_host(asked):
        fronts = [lab.machine_of(service.name) for service in lab.of_kind("front")]
        front = next((one for one in fronts if asked.port in _published(one)), front)
        return front, front.address
    return front, (lab.own_address_of(site) if site else "") or front.address


def _on_host(asked: Request) -> bool:
    """Whether a name is for use on the host: those below .localhost are."""
    return asked.host.endswith("localhost")


def _published(machine: Machine) -> Mapping[int, int]:
    """The ports of a machine by those of the host that lead there."""
    return {port.host: port.container for port in machine.ports if port.transport == "tcp"}


def _inside(asked: Request, front: Machine, lab: Lab) -> int | None:
    """The front's own port for the URL's."""
    usual = {lab.publishing.http, lab.publishing.https}
    every = (_published(machine) for machine in (front, *lab.machines.values()))
    published = next((ports for ports in every if usual & ports.keys()), {})
    published = {**published, **_published(front)}
    if _on_host(asked):
        return published.get(asked.port)
    own = {port for name in front.services for port in lab.services[name].expansion.ports.values()}
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


def _behind(asked: Request, address: str, front: Machine, lab: Lab, tree: Tree) -> Iterable[Step]:
    """What comes after: the front once more, by way of the inspector; the machine behind."""
    relayed = address == inspecting.TAKES
    host, _, text = (inspecting.HANDS_BACK if relayed else address).partition(":")
    port = int(text or 80)
    known = (m for m in lab.machines.values() if host in m.addresses.values())
    machine = front if relayed else next(known, None)
    server = _server(machine, tree, lab) if machine else None
    if machine is None or server is None:
        return
    chosen = server.choose(asked.host, port, host)
    if chosen is not None:
        decision = server.decide(replace(asked, tls=False), chosen)
        yield steps.step(machine, server.files, chosen, decision, port)
        if relayed and decision.behind != address:
            yield from _behind(asked, decision.behind, front, lab, tree)


def _server(machine: Machine, tree: Tree, lab: Lab) -> Nginx | Apache | None:
    """The web server of a machine; None where it has none."""
    files = tree.machines[machine.name]
    if nginx.MAIN in files:
        return Nginx(machine, files, lab)
    return Apache(machine, files, lab) if apache.MAIN in files else None


def _certificate(files: Files, chosen: Choice, asked: Request, lab: Lab) -> Certificate | None:
    from labctl.explain import certificate_chain

    names = (nginx.CERTIFICATE, apache.CERTIFICATE)
    directive = next((d for name in names for d in chosen.host.server.all(name)), None)
    entry = files.get(directive.arguments[0]) if directive else None
    if directive is None or entry is None:
        return None
    root = files[f"/usr/local/share/ca-certificates/{lab.name}.crt"].content
    signer, covered = certificate_chain.read(entry.content, root)
    return Certificate(directive.arguments[0], signer, asked.host in covered, covered)
