"""How far a break-in reaches: the blast radius of one compromised service.

Somebody has found a hole in an application and is root on the machine where it runs. Then all
that this machine sees is theirs. Counted is what belongs to the other services and can really
be read or reached from there: their configuration and content (compared with what they hold
where they belong), their data as it lies on disk now (mail, zones, uploads), their private
keys, their processes, and their ports. On a machine of its own an application has nothing to
give away but itself; ports of the others stay open to it unless a firewall is in between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from itertools import zip_longest
from typing import Any

from labctl import kinds, webserver
from labctl.apache import SERVERS
from labctl.experiments import Figure, Needs, some
from labctl.experiments.apparatus.bench import Bench
from labctl.model import File, Service, Template
from labctl.render import templates

TITLE = "blast radius of a compromised service"
NEEDS: Needs = "running"
STEPS = (
    "use every other service once by its checks, so that there is mail to be read",
    "list the files of the other services: rendered ones from the lab, their data from their disk",
    "as root on the application's machine, try to read each of them, and look at /proc",
    "from there, try to connect to every port on which another service answers",
)
TITLES = {
    "files": "files of other services that it can read",
    "data": "data files of other services that it can read",
    "keys": "private keys of others that it can read",
    "processes": "processes of others that it can see",
    "ports": "ports of other services that it can connect to",
    "networks": "networks that it stands in",
}
_KEYS = (b"PRIVATE KEY-----", b"Private-key-format:")  # PEM; BIND (dnssec-keygen(8))


def run(bench: Bench) -> Iterable[Figure]:
    """Break in, look, count."""
    victim = bench.application
    if victim is None:
        for key, title in TITLES.items():
            yield Figure(f"blast.{key}", title, None, note="the lab has no application")
        return
    bench.say("using the other services once")
    bench.failing([other.name for other in bench.others(victim)])
    bench.say(f"a shell as root where {victim.name} runs")
    rendered = dict(_rendered(bench, victim))
    keys = {path for path, content in rendered.items() if any(mark in content for mark in _KEYS)}
    data = set(_data(bench, victim)) - set(rendered)
    seen = _intrude(bench, victim, rendered, data)
    read = set(seen["files"])
    yield _figure("files", varied(read & rendered.keys() - keys))
    yield _figure("data", varied(read & data))
    yield _figure("keys", varied(read & keys))
    yield _figure("processes", seen["processes"])
    yield _ports(bench, victim)
    machine = bench.lab.machine_of(victim.name)
    yield Figure(
        "blast.networks", TITLES["networks"], len(machine.addresses), note=some(machine.addresses)
    )


def _figure(key: str, found: list[str]) -> Figure:
    return Figure(f"blast.{key}", TITLES[key], len(found), "", "lower", some(found))


def varied(paths: Iterable[str]) -> list[str]:
    """Paths in an order whose beginning shows many folders: the first of each, the second …"""
    folders: dict[str, list[str]] = {}
    for path in sorted(paths):
        folders.setdefault(path.rpartition("/")[0], []).append(path)
    rounds = zip_longest(*folders.values())
    return [path for one in rounds for path in one if path is not None]


def _rendered(bench: Bench, victim: Service) -> Iterable[tuple[str, bytes]]:
    """Every file of the other services, and what it holds."""
    for other in bench.others(victim):
        for file in kinds.load(other.kind).files(other, bench.lab, bench.kept):
            yield file.path, _content(file)


def _content(file: File) -> bytes:
    if isinstance(file.content, Template):
        return templates.text(file.content).encode()
    return file.content


def _data(bench: Bench, victim: Service) -> Iterable[str]:
    """What the other services have written, found on their own machines."""
    for other in bench.others(victim):
        for path in other.expansion.volumes:
            found = bench.exec(other.machine, ["find", path, "-type", "f", "-print0"])
            yield from (name for name in found.output.split("\0") if name.startswith("/"))


def _intrude(
    bench: Bench, victim: Service, rendered: Mapping[str, bytes], data: Iterable[str]
) -> Mapping[str, Any]:
    wanted = [(path, hashlib.sha256(content).hexdigest()) for path, content in rendered.items()]
    work = {
        "files": [*wanted, *((path, "") for path in data)],
        "own": sorted(_own_daemons(bench, victim)),
    }
    seen: Mapping[str, Any] = bench.ask(victim.machine, "intruder", work)
    return seen


def _own_daemons(bench: Bench, victim: Service) -> set[str]:
    """The daemons of the broken machine that are no other service's."""
    machine = bench.lab.machine_of(victim.name)
    beside = [other for other in bench.others(victim) if other.machine == machine.name]
    theirs = {daemon.name for other in beside for daemon in other.expansion.daemons}
    theirs |= {
        daemon.name
        for server, daemon in SERVERS.items()
        if any(s != victim for s in webserver.local_services(machine, bench.lab, server))
    }
    own = {daemon.name for daemon in victim.expansion.daemons}
    return {daemon.name for daemon in machine.daemons} - theirs | own


def _ports(bench: Bench, victim: Service) -> Figure:
    """Connect to each port of the others; to those beside it, by the loopback interface too."""
    bench.say("trying the ports of the others")
    names: dict[tuple[str, int], str] = {}
    for other in bench.others(victim):
        machine = bench.lab.machine_of(other.name)
        near = ["127.0.0.1"] if machine.name == victim.machine else []
        for word, port in other.expansion.ports.items():
            for host in (*near, *machine.addresses.values()):
                names.setdefault((host, port), f"{other.name}:{port}/{word}")
    hosts = sorted({host for host, _ in names})
    ports = sorted({port for _, port in names})
    work = {"hosts": hosts, "first": ports, "then": []}
    seen = bench.ask(victim.machine, "scanner", work)
    reached = {names[host, port] for host in hosts for port in seen[host]["open"]
               if (host, port) in names}  # fmt: skip
    return _figure("ports", sorted(reached))
