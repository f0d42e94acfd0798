"""One service of a lab's Compose file as the Engine API wants it: what Compose would create.

For a machine that comes and goes in less time than Compose takes to read its file. It knows what
``labctl.render.compose`` writes, and refuses all else. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from labctl.render.compose import project

# what the engine has in HostConfig as Compose has it, by another name
_SAME = {
    "cap_drop": "CapDrop", "cap_add": "CapAdd", "security_opt": "SecurityOpt",
    "mem_limit": "Memory", "memswap_limit": "MemorySwap", "cpu_shares": "CpuShares",
    "pids_limit": "PidsLimit", "runtime": "Runtime", "sysctls": "Sysctls",
    "read_only": "ReadonlyRootfs", "dns": "Dns", "dns_search": "DnsSearch",
    "dns_opt": "DnsOptions", "oom_score_adj": "OomScoreAdj", "shm_size": "ShmSize",
}  # fmt: skip
_OTHERS = frozenset({
    "image", "pull_policy", "hostname", "cpus", "stop_grace_period", "restart", "tmpfs",
    "volumes", "networks", "logging", "labels", "profiles", "ulimits", "environment",
})  # fmt: skip
_COMPOSE = "com.docker.compose"


def wanted(document: Mapping[str, Any], lab: str, service: str, digest: str = "") -> dict[str, Any]:
    """The body of POST /containers/create for a service of a Compose file, as it was read.

    ``digest`` is Compose's hash of its definition, where it is known. ValueError where the
    service says something that is not understood here.
    """
    said = document["services"][service]
    if strange := said.keys() - _SAME.keys() - _OTHERS:
        raise ValueError(f"{service}: {', '.join(sorted(strange))}")
    networks = {
        _network(document, lab, name): {
            "Aliases": [f"{project(lab)}-{service}-1", service],
            "IPAMConfig": _addresses(one),
        }
        for name, one in said["networks"].items()
    }
    return {
        "Image": said["image"],
        "Hostname": said["hostname"],
        "Labels": {**said["labels"], **_labels(lab, service, digest)},
        "StopTimeout": int(said["stop_grace_period"].removesuffix("s")),
        "HostConfig": _host(said, document, lab, next(iter(networks))),
        "NetworkingConfig": {"EndpointsConfig": networks},
        **_environment(said.get("environment", {})),
    }


def _addresses(said: Mapping[str, Any]) -> dict[str, Any]:
    further = said.get("link_local_ips")
    return {"IPv4Address": said["ipv4_address"]} | ({"LinkLocalIPs": further} if further else {})


def _environment(said: Mapping[str, str]) -> dict[str, list[str]]:
    return {"Env": [f"{name}={value}" for name, value in said.items()]} if said else {}


def _labels(lab: str, service: str, digest: str) -> dict[str, str]:
    """What Compose knows its own containers by: `docker compose down` takes them along."""
    own = {"project": project(lab), "service": service, "container-number": "1", "oneoff": "False"}
    known = own | ({"config-hash": digest} if digest else {})
    return {f"{_COMPOSE}.{name}": value for name, value in known.items()}


def _network(document: Mapping[str, Any], lab: str, name: str) -> str:
    said: str = document["networks"][name].get("name") or f"{project(lab)}_{name}"
    return said


def _host(
    said: Mapping[str, Any], document: Mapping[str, Any], lab: str, network: str
) -> dict[str, Any]:
    """HostConfig: what it may do, and what of the host it sees."""
    return {
        "NetworkMode": network,
        "NanoCpus": int(said["cpus"] * 10**9),
        "RestartPolicy": {"Name": said["restart"]},
        "Ulimits": [_ulimit(name, one) for name, one in said.get("ulimits", {}).items()],
        "Tmpfs": dict(_pair(mount) for mount in said["tmpfs"]),
        "Mounts": [_mount(mount, document, lab) for mount in said["volumes"]],
        "LogConfig": {"Type": said["logging"]["driver"], "Config": said["logging"]["options"]},
        **{theirs: said[ours] for ours, theirs in _SAME.items() if ours in said},
    }


def _ulimit(name: str, said: int | Mapping[str, int]) -> dict[str, Any]:
    both = {"soft": said, "hard": said} if isinstance(said, int) else said
    return {"Name": name, "Soft": both["soft"], "Hard": both["hard"]}


def _pair(mount: str) -> tuple[str, str]:
    path, _, options = mount.partition(":")
    return path, options


def _mount(mount: Mapping[str, Any], document: Mapping[str, Any], lab: str) -> dict[str, Any]:
    source = mount["source"]
    if mount["type"] == "volume":
        source = document["volumes"][source].get("name") or f"{project(lab)}_{source}"
    only = bool(mount.get("read_only"))
    return {"Type": mount["type"], "Source": source, "Target": mount["target"], "ReadOnly": only}


def uninterpolated(value: Any) -> Any:
    """A value of a Compose file as Compose understands it, where no variable is in it."""
    if isinstance(value, str):
        return re.sub(r"\$\$", "$", value)
    if isinstance(value, Mapping):
        return {uninterpolated(key): uninterpolated(one) for key, one in value.items()}
    return [uninterpolated(one) for one in value] if isinstance(value, list) else value
