"""The Compose file: machines as containers, with least privilege, on explicit addresses.

Byte-stable: nothing in it changes when only a rendered file does, so Compose recreates a
container for its definition only. Plain ``docker compose`` runs it too.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Iterable
from typing import Any

from labctl.model import Lab, Machine, Network, Port

Images = Callable[[frozenset[str]], str]
LABEL = "hosting-labctl"
_HEADER = """\
# The Compose file of the lab {name}, written by labctl. It also works alone:
#   docker compose -f {file} up -d
"""


def project(lab: str) -> str:
    """The Compose project's name."""
    return f"labctl-{lab}"


def render(lab: Lab, images: Images, state: str) -> bytes:
    """The Compose file as YAML (each value a JSON string, so no value can be read otherwise)."""
    document = {
        "name": project(lab.name),
        "services": {
            machine.name: _service(machine, lab, images(machine.packages), state)
            for machine in lab.machines.values()
        },
        "networks": {network.name: _network(network, lab) for network in lab.networks},
        "volumes": {
            volume.name: {"labels": _labels(lab)}
            for machine in lab.machines.values()
            for volume in machine.volumes
        },
    }
    header = _HEADER.format(name=lab.name, file=f"{state}/compose.yaml")
    return (header + "\n".join(_yaml(document)) + "\n").encode()


def _service(machine: Machine, lab: Lab, image: str, state: str) -> dict[str, Any]:
    limits = machine.limits
    definition: dict[str, Any] = {
        "image": image,
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
        "volumes": [
            {
                "type": "bind",
                "source": f"{state}/machines/{machine.name}",
                "target": "/labctl",
                "read_only": True,
            },
            *(
                {"type": "volume", "source": volume.name, "target": volume.path}
                for volume in machine.volumes
            ),
        ],
        "networks": {name: {"ipv4_address": a} for name, a in machine.addresses.items()},
        "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "2"}},
        "labels": {
            **_labels(lab),
            f"{LABEL}.machine": machine.name,
            f"{LABEL}.platform": lab.platform,
            f"{LABEL}.state": state,
        },
    }
    if machine.ports:
        definition["ports"] = [text for port in machine.ports for text in _published(port, lab)]
    return definition


def _labels(lab: Lab) -> dict[str, str]:
    return {f"{LABEL}.lab": lab.name}


def _published(port: Port, lab: Lab) -> Iterable[str]:
    ends = f"{port.host}:{port.container}/{port.transport}"
    if lab.publishing.public:
        return [ends]
    return [f"127.0.0.1:{ends}", *([f"[::1]:{ends}"] if lab.publishing.ipv6 else [])]


def _network(network: Network, lab: Lab) -> dict[str, Any]:
    """A bridge whose machines have no way out.

    Nothing is translated, and the default gateway of the machines is an address that nobody
    has: a packet for elsewhere ends on the bridge. The host keeps an address there, because
    published ports need one. A public lab answers strangers, so it keeps the real gateway.
    """
    hosts = ipaddress.IPv4Network(network.subnet)
    pool: dict[str, Any] = {"subnet": network.subnet, "gateway": str(hosts[1])}
    if not lab.publishing.public:
        pool["aux_addresses"] = {"DefaultGatewayIPv4": str(hosts[-2])}
    return {
        "driver": "bridge",
        "driver_opts": {"com.docker.network.bridge.enable_ip_masquerade": "false"},
        "ipam": {"config": [pool]},
        "labels": _labels(lab),
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
