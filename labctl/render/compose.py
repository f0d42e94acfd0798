"""The Compose file: machines as containers, with least privilege, on explicit addresses.

Byte-stable: nothing in it changes when only a rendered file does, so Compose recreates a
container for its definition only. Plain ``docker compose`` runs it too.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from labctl.model import Isolation, Lab, Limits, Machine, Network, Port, Volume

Images = Callable[[Machine], str]
LABEL = "hosting-labctl"
LIMITS = f"{LABEL}.limits"
USUAL_WEIGHT = 1024  # of processors that are short: the engine's own
# as the engine's administrator registers them, by the name that a lab file says
RUNTIMES: Mapping[Isolation, str] = {
    "runc": "runc", "runsc": "runsc", "kata": "kata", "sysbox": "sysbox-runc",
}  # fmt: skip
SHARED = 16 * 2**20  # bytes of /dev/shm in a sandbox
FILES = 16384  # that a process in a sandbox has open at most: what its nginx asks for
_HEADER = """\
# The Compose file of the lab {name}, written by labctl. It also works alone:
#   docker compose -f {file} up -d
"""


def project(lab: str) -> str:
    """The Compose project's name."""
    return f"labctl-{lab}"


def container(lab: str, machine: str) -> str:
    """The name that Compose gives a machine's container."""
    return f"{project(lab)}-{machine}-1"


def render(lab: Lab, images: Images, state: str) -> bytes:
    """The Compose file as YAML (each value a JSON string, so no value can be read otherwise)."""
    document = {
        "name": project(lab.name),
        "services": {
            machine.name: _service(machine, lab, images, state) for machine in lab.machines.values()
        },
        "networks": {network.name: _network(network, lab) for network in lab.networks},
        "volumes": {
            volume.name: _volume(volume, lab)
            for machine in lab.machines.values()
            for volume in machine.volumes
        },
    }
    header = _HEADER.format(name=lab.name, file=f"{state}/compose.yaml")
    return (header + "\n".join(_yaml(document)) + "\n").encode()


def device(lab: str, volume: str) -> str:
    """The block device below a volume of bounded size: a name of its own, whichever it is."""
    return f"/dev/{LABEL}/{project(lab)}_{volume}"


def limits_text(limits: Limits) -> str:
    """The limits that a container is made with, as its label says them."""
    return f"{limits.memory} {limits.cpus:g} {limits.processes}"


def limits_from(text: str) -> Limits | None:
    """The limits that a label says; None where it says none."""
    try:
        memory, cpus, processes = text.split()
        return Limits(int(memory), float(cpus), int(processes))
    except ValueError:
        return None


def _service(machine: Machine, lab: Lab, images: Images, state: str) -> dict[str, Any]:
    limits = machine.limits
    definition: dict[str, Any] = {
        "image": machine.image or images(machine),
        "pull_policy": "never",
        "hostname": machine.host_name,
        "cap_drop": ["ALL"],
        "cap_add": sorted({"KILL", "SETGID", "SETUID"} | machine.capabilities),
        "security_opt": ["no-new-privileges:true"],
        "mem_limit": limits.memory,
        "memswap_limit": limits.memory,
        "cpus": limits.cpus,
        "pids_limit": limits.processes,
        "stop_grace_period": "10s",
        "restart": "unless-stopped",
        "tmpfs": ["/run:exec,mode=755,size=32m", *machine.tmpfs],
        "volumes": [*_mounts(machine, state)],
        **_attached(machine),
        "logging": {"driver": "json-file", "options": _log(machine.log)},
        "labels": {
            **_labels(lab),
            f"{LABEL}.machine": machine.name,
            LIMITS: limits_text(limits),
            f"{LABEL}.platform": lab.platform,
            f"{LABEL}.state": state,
        },
    }
    if machine.isolation != "runc":
        definition["runtime"] = RUNTIMES[machine.isolation]
    if machine.sysctls:
        definition["sysctls"] = dict(machine.sysctls)
    if machine.ports:
        definition["ports"] = [text for port in machine.ports for text in _published(port, lab)]
    return definition | dict(_special(machine)) | dict(_sandboxed(machine, lab))


def _special(machine: Machine) -> Iterable[tuple[str, Any]]:
    """What most machines do without."""
    if machine.sealed:
        yield "read_only", True
    if machine.weight != USUAL_WEIGHT:
        yield "cpu_shares", machine.weight
    if machine.hosts:
        yield "extra_hosts", [f"{name}:{address}" for name, address in machine.hosts.items()]
    if machine.environment:
        yield "environment", dict(machine.environment)
    if machine.visiting:
        yield "profiles", ["visitor"]


def _sandboxed(machine: Machine, lab: Lab) -> Iterable[tuple[str, Any]]:
    """What a student's machines have on top.

    The engine's own name server, which they can always ask, would ask the host's. Where the host
    itself runs out of memory, it ends processes of theirs before any other.
    """
    if lab.seat is None:
        return
    yield "dns", [lab.address_of(machine.resolver)]
    yield "dns_search", [lab.domain]
    yield "dns_opt", ["edns0", "trust-ad", "timeout:2", "attempts:2"]
    yield "oom_score_adj", 500
    yield "shm_size", SHARED
    yield "ulimits", {"core": 0, "nofile": {"soft": 1024, "hard": FILES}}


def _attached(machine: Machine) -> dict[str, Any]:
    """A machine's addresses on its networks; the host's network, or none at all."""
    if machine.addresses:
        networks: dict[str, Any] = {n: {"ipv4_address": a} for n, a in machine.addresses.items()}
        if machine.further:
            next(iter(networks.values()))["link_local_ips"] = sorted(machine.further.values())
        return {"networks": networks}
    return {"network_mode": "host" if machine.on_host else "none"}


def _log(size: int) -> dict[str, str]:
    """How long a log of ``size`` bytes gets: two files, the older one dropped."""
    half, rest = divmod(size // 2, 2**20)
    return {"max-size": f"{size // 2048}k" if rest else f"{half}m", "max-file": "2"}


def _mounts(machine: Machine, state: str) -> Iterable[dict[str, Any]]:
    """What a machine is given to read, and its data."""
    given = f"{state}/machines/{machine.name}"
    yield {"type": "bind", "source": given, "target": "/labctl", "read_only": True}
    for volume in machine.volumes:
        yield {"type": "volume", "source": volume.name, "target": volume.path}
    for mount in machine.mounts:
        bind = {"type": "bind", "source": mount.source, "target": mount.path}
        yield bind if mount.writable else bind | {"read_only": True}


def _volume(volume: Volume, lab: Lab) -> dict[str, Any]:
    """A volume; one of bounded size is a file system of its own on a block device."""
    if not volume.size:
        return {"labels": _labels(lab)}
    options = {"type": "ext4", "device": device(lab.name, volume.name), "o": "nodev,nosuid"}
    return {"driver": "local", "driver_opts": options, "labels": _labels(lab)}


def _labels(lab: Lab) -> dict[str, str]:
    whose = {f"{LABEL}.class": lab.seat.group} if lab.seat else {}
    return {f"{LABEL}.lab": lab.name, **whose}


def _published(port: Port, lab: Lab) -> Iterable[str]:
    ends = f"{port.host}:{port.container}/{port.transport}"
    if lab.publishing.public:
        return [ends]
    return [f"127.0.0.1:{ends}", *([f"[::1]:{ends}"] if lab.publishing.ipv6 else [])]


def _network(network: Network, lab: Lab) -> dict[str, Any]:
    """A bridge on which nothing is translated; see the two forms for what leads out of it."""
    form = _outer(network, lab) if network.reachable else _routed(network, lab)
    options = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    driver = {"driver": "bridge", "driver_opts": options | form.pop("driver_opts", {})}
    return driver | form | {"labels": _labels(lab)}


def _outer(network: Network, lab: Lab) -> dict[str, Any]:
    """A segment where the host has an address, which published ports need.

    The default gateway of its machines is an address that nobody has: a packet for elsewhere
    ends on the bridge. A public lab answers strangers, so it keeps the real gateway.
    """
    hosts = ipaddress.IPv4Network(network.subnet)
    pool: dict[str, Any] = {"subnet": network.subnet, "gateway": str(hosts[1])}
    if not lab.publishing.public:
        pool["aux_addresses"] = {"DefaultGatewayIPv4": str(hosts[-2])}
    return {"ipam": {"config": [pool]}}


def _routed(network: Network, lab: Lab) -> dict[str, Any]:
    """A segment behind a machine of the lab that routes; the host has no address there.

    The engine publishes the ports of a machine on several networks on the one whose name comes
    first, and sends it out there: so this name stands behind that of every outer one.
    """
    return {
        "name": f"{project(lab.name)}_routed-{network.name}",
        "driver_opts": {"com.docker.network.bridge.inhibit_ipv4": "true"},
        "ipam": {"config": [{"subnet": network.subnet, "gateway": network.gateway}]},
    }


def _yaml(value: Any, depth: int = 0) -> Iterable[str]:
    """Block-style YAML lines; scalars as JSON, which YAML 1.2 includes."""
    indent = "  " * depth
    items = value.items() if isinstance(value, dict) else ((None, item) for item in value)
    for key, item in items:
        head = indent + (f"{key}:" if key is not None else "-")
        if isinstance(item, dict | list | tuple) and item:
            if key is None:
                yield f"{head} {_scalar(item)}"
            else:
                yield head
                yield from _yaml(item, depth + 1)
        else:
            yield f"{head} {_scalar(item)}"


def _scalar(value: Any) -> str:
    # Compose interpolates $ in every value
    return json.dumps(value, ensure_ascii=False).replace("$", "$$")
