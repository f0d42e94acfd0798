"""Which addresses and ports of the lab's servers can be reached, and from where.

A port that nobody can reach cannot be attacked. Three places try to connect to every server: a
visitor on the Internet, a desk in the company's own network where there is one, and another
server, which may be somebody else's or broken into. They try ports 1 to 1024, others that are
well known, and every port that one of the lab's machines listens on (proc_net_tcp(5)); an
address that answers on none of the likely ones is not asked further, as nmap does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from labctl.experiments import Figure, Needs, some
from labctl.experiments.apparatus import listeners
from labctl.experiments.apparatus.bench import Bench
from labctl.model import Machine

TITLE = "addresses and ports that can be reached"
NEEDS: Needs = "running"
STEPS = (
    "read from every server on which ports it listens",
    "from the client on the Internet, try to connect to all ports in question of all servers",
    "the same from a workstation in the LAN, where there is one",
    "the same from the machine of an application, where other servers are beside it",
)
# besides 1–1024: databases, remote desktops, web applications, directories, containers
KNOWN = (1433, 1521, 2049, 2375, 2376, 3128, 3306, 3389, 5000, 5432, 5900, 5984, 6379, 6443,
         8000, 8001, 8080, 8443, 8888, 9000, 9090, 9200, 11211, 27017)  # fmt: skip


def run(bench: Bench) -> Iterable[Figure]:
    """Scan from each place."""
    listening = sorted(listeners.ports(bench, bench.servers))
    bench.say(f"servers listen on {len(listening)} ports: {some(map(str, listening), 20)}")
    seen = scan(bench, bench.client, listening)
    answering = [address for address, found in seen.items() if found["answers"]]
    yield Figure(
        "reach.addresses", "addresses that answer from the Internet", len(answering), "", "lower",
        some(_named(bench, address) for address in answering),
    )  # fmt: skip
    yield _figure(bench, "outside", "open TCP ports, from the Internet", seen)
    title = "open TCP ports, from a desk in the LAN"
    if bench.workstation is None:
        yield Figure("reach.lan", title, None, note="there is no LAN on this platform")
    else:
        yield _figure(bench, "lan", title, scan(bench, bench.workstation, listening))
    yield _neighbour(bench, listening)


def _neighbour(bench: Bench, listening: list[int]) -> Figure:
    title = "open TCP ports of others, from the application's server"
    if bench.application is None:
        return Figure("reach.neighbour", title, None, note="the lab has no application")
    machine = bench.lab.machine_of(bench.application.name)
    if not [server for server in bench.servers if server != machine]:
        return Figure("reach.neighbour", title, None, note="there is no other server")
    return _figure(bench, "neighbour", title, scan(bench, machine, listening))


def scan(bench: Bench, origin: Machine, listening: list[int]) -> Mapping[str, Any]:
    """What answers to a machine, by address of the other servers."""
    bench.say(f"scanning from {origin.name}")
    others = [server for server in bench.servers if server != origin]
    first = sorted({*listening, *KNOWN})
    work = {
        "hosts": [address for server in others for address in server.addresses.values()],
        "first": first,
        "then": [port for port in range(1, 1025) if port not in first],
    }
    found: Mapping[str, Any] = bench.ask(origin.name, "scanner", work)
    return found


def _figure(bench: Bench, key: str, title: str, seen: Mapping[str, Any]) -> Figure:
    ports = {address: found["open"] for address, found in seen.items() if found["open"]}
    count = sum(map(len, ports.values()))
    each = (f"{_named(bench, a)} {' '.join(map(str, found))}" for a, found in ports.items())
    return Figure(f"reach.{key}", title, count, "", "lower", "; ".join(each))


def _named(bench: Bench, address: str) -> str:
    """The machine that has an address; of several addresses, on which network."""
    for machine in bench.lab.machines.values():
        for network, own in machine.addresses.items():
            if own == address:
                return machine.name if len(machine.addresses) == 1 else f"{machine.name}/{network}"
    return address
