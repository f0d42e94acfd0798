"""What keeps labs from running on this host, and how to mend it. Only looks.

`labctl.hostfacts.observe` looks at the host once; `diagnose` is a pure function of that.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from labctl.engines.isolation import offered

POOL = ipaddress.IPv4Network("198.18.0.0/15")
MIB = 2**20
GIB = 2**30
CAPABILITIES = frozenset(
    ("CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SYS_CHROOT")
)
ENOUGH_DISK = 3 * GIB
LEAST_DISK = GIB
ENOUGH_MEMORY = GIB
LEAST_MEMORY = 300 * MIB


@dataclass(frozen=True)
class Finding:
    """One thing looked at: its state, what was seen, and the command that mends it."""

    name: str
    state: Literal["ok", "warn", "fail"]
    what: str
    mend: str = ""


@dataclass(frozen=True)
class Route:
    """A subnet that the host has a route to, and who has it: an interface or a network."""

    subnet: str
    holder: str


@dataclass(frozen=True)
class Facts:
    """What was seen of the host.

    ``engine`` is the engine's version and ``trouble`` why there is none; ``info`` what it
    says of itself (Engine API: GET /info). ``bounding`` are the capabilities that it may hand
    on. ``holders`` says who holds a port that labs want. ``routes`` leaves out the labs' own.
    ``disk`` and ``memory`` are free bytes, None when unknown; ``programs`` those of interest
    that are installed.
    """

    engine: str = ""
    trouble: str = ""
    info: Mapping[str, Any] = field(default_factory=dict)
    compose: str = ""
    bounding: frozenset[str] = CAPABILITIES
    holders: Mapping[int, str] = field(default_factory=dict)
    ipv6_loopback: bool = True
    routes: tuple[Route, ...] = ()
    disk: int | None = None
    memory: int | None = None
    resolves_localhost: bool = True
    programs: frozenset[str] = frozenset()
    mirror: str = ""
    base_built: bool = False
    doors_on_disk: str = ""  # the directory of doors, where it is not in memory


def diagnose(facts: Facts, needed: frozenset[str] = CAPABILITIES) -> tuple[Finding, ...]:
    """All findings; ``needed`` are the capabilities that the machines in question want."""
    checks: tuple[Callable[[Facts], Iterable[Finding]], ...] = (
        _engine,
        _compose,
        lambda seen: _capabilities(seen, needed),
        _limits,
        _isolation,
        _ports,
        _ipv6,
        _addresses,
        _disk,
        _memory,
        _doors,
        _names,
        _trust,
        _base,
    )
    return tuple(finding for check in checks for finding in check(facts))


def _engine(facts: Facts) -> Iterable[Finding]:
    if not facts.engine:
        mend = "make up    # installs and starts what is missing"
        if "ermission denied" in facts.trouble:
            mend = "sudo usermod --append --groups docker $USER    # then log in again"
        yield Finding("engine", "fail", f"no container engine answers: {facts.trouble}", mend)
    elif _major(facts.engine) < 20:
        what = f"Docker {facts.engine} is older than 20.10, the oldest that labctl is tested with"
        yield Finding("engine", "warn", what, "sudo apt-get install docker.io")
    else:
        yield Finding("engine", "ok", f"Docker {facts.engine} answers")


def _compose(facts: Facts) -> Iterable[Finding]:
    if not facts.compose:
        what = "`docker compose` does not answer"
        yield Finding(
            "compose", "fail", what, "make up    # installs Compose v2 where it is missing"
        )
    elif _major(facts.compose) < 2:
        what = f"Compose {facts.compose} is too old, labs need version 2"
        yield Finding("compose", "fail", what, "make up    # adds Compose v2")
    else:
        yield Finding("compose", "ok", f"Compose {facts.compose}")


def _major(version: str) -> int:
    digits = version.lstrip("v").partition(".")[0]
    return int(digits) if digits.isdecimal() else 0


def _capabilities(facts: Facts, needed: frozenset[str]) -> Iterable[Finding]:
    lacking = sorted(needed - facts.bounding)
    if lacking:
        what = f"this host does not let containers have {', '.join(lacking)}"
        mend = "start the engine with these in its bounding set (capsh --print shows it)"
        yield Finding("capabilities", "fail", what, mend)
    else:
        yield Finding("capabilities", "ok", "machines may have all the capabilities they need")


def _limits(facts: Facts) -> Iterable[Finding]:
    if not facts.engine:
        return
    usable = {"memory": "MemoryLimit", "CPU": "CpuCfsQuota", "process": "PidsLimit"}
    lacking = [name for name, key in usable.items() if not facts.info.get(key)]
    if lacking:
        what = f"the engine cannot set {' and '.join(lacking)} limits (control groups)"
        mend = "add cgroup_enable=memory swapaccount=1 to the kernel's command line and reboot"
        yield Finding("limits", "warn", what, mend)
    else:
        yield Finding("limits", "ok", "memory, CPU and process limits work")


def _isolation(facts: Facts) -> Iterable[Finding]:
    if has := offered(facts.info):
        yield Finding("isolation", "ok", f"servers can be kept apart by: {', '.join(has)}")


def _ports(facts: Facts) -> Iterable[Finding]:
    free = [str(port) for port, who in facts.holders.items() if not who]
    for port, who in facts.holders.items():
        if who:
            # Another lab is no trouble, but the next one needs ports of its own.
            what = f"port {port} is held by {who}"
            mend = f"labctl up LAB --{'https 8443' if port == 443 else 'http 8080'}"
            yield Finding(f"port {port}", "warn", what, f"{mend}    # or stop what holds it")
    if free:
        yield Finding("ports", "ok", f"free on 127.0.0.1 and ::1: {', '.join(free)}")


def _ipv6(facts: Facts) -> Iterable[Finding]:
    if not facts.ipv6_loopback:
        what = "the host has no ::1: sites answer on 127.0.0.1 only"
        mend = "sudo sysctl net.ipv6.conf.lo.disable_ipv6=0"
        yield Finding("IPv6 loopback", "warn", what, mend)


def _addresses(facts: Facts) -> Iterable[Finding]:
    clashes = [route for route in facts.routes if _clashes(route)]
    for route in clashes:
        what = f"{route.subnet}, of the range that labs use ({POOL}), belongs to {route.holder}"
        mend = f"give the lab another: `subnet:` in lab.yml, outside {route.subnet}"
        yield Finding("addresses", "warn", what, mend)
    if not clashes:
        yield Finding("addresses", "ok", f"nobody else uses {POOL}")


def _clashes(route: Route) -> bool:
    subnet = ipaddress.IPv4Network(route.subnet)
    return subnet.prefixlen > 0 and subnet.overlaps(POOL)


def _disk(facts: Facts) -> Iterable[Finding]:
    place = facts.info.get("DockerRootDir", "the engine's directory")
    mend = "docker system df    # shows what takes it; `docker image prune` frees some"
    yield from _room("disk", facts.disk, (LEAST_DISK, ENOUGH_DISK), f"in {place}", mend)


def _memory(facts: Facts) -> Iterable[Finding]:
    mend = "labctl list    # shows labs that are up; `labctl down LAB` frees memory"
    yield from _room("memory", facts.memory, (LEAST_MEMORY, ENOUGH_MEMORY), "of memory", mend)


def _room(
    name: str, free: int | None, bounds: tuple[int, int], where: str, mend: str
) -> Iterable[Finding]:
    if free is None:
        return
    least, enough = bounds
    what = f"{free / GIB:.1f} GiB free {where}"
    if free >= enough:
        yield Finding(name, "ok", what)
    else:
        state: Literal["warn", "fail"] = "fail" if free < least else "warn"
        yield Finding(name, state, f"{what}; lab1 wants {enough / GIB:.0f}", mend)


def _doors(seen: Facts) -> Iterable[Finding]:
    if seen.doors_on_disk:
        what = f"{seen.doors_on_disk} is on a disk, which a student can fill through their door"
        yield Finding("doors", "warn", what, "name one on a tmpfs by HOSTING_LABCTL_DOORS")


def _names(facts: Facts) -> Iterable[Finding]:
    if facts.resolves_localhost:
        yield Finding("names", "ok", "programs resolve *.localhost")
        return
    what = "browsers and curl resolve *.localhost by themselves, other programs do not"
    mend = (
        "sudo apt-get install libnss-myhostname"
        "    # or: labctl doctor --hosts LAB | sudo tee -a /etc/hosts"
    )
    yield Finding("names", "warn", what, mend)


def _trust(facts: Facts) -> Iterable[Finding]:
    if "certutil" in facts.programs:
        yield Finding("trust stores", "ok", "certutil is there, for browsers' stores")
        return
    what = "without certutil, `labctl ca trust` cannot reach the stores of Firefox and Chrome"
    yield Finding("trust stores", "warn", what, "sudo apt-get install libnss3-tools")


def _base(facts: Facts) -> Iterable[Finding]:
    if facts.base_built:
        yield Finding("images", "ok", "the base image is built")
    elif "mmdebstrap" not in facts.programs:
        what = "mmdebstrap is missing: without a container registry no image can be built"
        yield Finding("images", "warn", what, "sudo apt-get install mmdebstrap")
    elif not facts.mirror:
        what = "apt knows no Debian mirror: without a container registry no image can be built"
        mend = "export HOSTING_LABCTL_DEBIAN_MIRROR=http://deb.debian.org/debian"
        yield Finding("images", "warn", what, mend)
    else:
        yield Finding("images", "ok", f"can be built from {facts.mirror}")
