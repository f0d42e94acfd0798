"""What this host's edge keeps: its ports, the labs behind it. In ``<data>/edge``."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from labctl import doors
from labctl.edge import NAME
from labctl.edge.lab import Places
from labctl.edge.names import Group, Known, Single
from labctl.engines.state import State, write_atomically
from labctl.errors import LabctlError
from labctl.host import addresses
from labctl.keep import lab_home
from labctl.kinds import wildcard
from labctl.model import Lab, Publishing

_LABS, _SETTINGS = "labs", "settings.json"


@dataclass(frozen=True, slots=True)
class EdgeSettings:
    """The host's ports that the edge takes: HTTP and HTTPS, and SSH of the bastion.

    ``dns`` is the host's address that its names are answered with, and at which; "" for nowhere.
    """

    publishing: Publishing = field(default_factory=Publishing)
    ssh: int = 2222
    dns: str = ""
    dns_port: int = 53

    @property
    def ports(self) -> tuple[int, ...]:
        """All of them."""
        return self.publishing.http, self.publishing.https, self.ssh


def home() -> Path:
    """The directory of all that the edge keeps."""
    return lab_home(NAME)


def lab_name() -> str:
    """The name of the edge as a lab: one for each place of doors, so that tests have their own."""
    if not os.environ.get("HOSTING_LABCTL_DOORS"):
        return NAME
    return f"{NAME}-{zlib.crc32(str(doors.home()).encode()):08x}"


def state() -> State:
    """The edge's state: one on a host, wherever the labs behind it have theirs."""
    return State(home() / "state" / lab_name())


def places() -> Places:
    """The directories that its machines are given."""
    users, seats, passwords = (str(home() / name) for name in ("users", "seats", "passwords"))
    return Places(str(doors.home()), users, seats, passwords)


def name_server(chosen: EdgeSettings, names: Known) -> wildcard.Options | None:
    """What answers the names of classes and labs in DNS; None where nothing is to."""
    if not chosen.dns:
        return None
    asked = (domain for domain in names.domains() if not domain.endswith(".localhost"))
    return wildcard.Options(tuple(asked), chosen.dns, chosen.dns_port)


def prepare() -> None:
    """Make these directories, closed to others."""
    doors.prepare(NAME)
    home().mkdir(mode=0o700, parents=True, exist_ok=True)
    home().chmod(0o700)
    for directory in (places().users, places().seats, places().passwords):
        Path(directory).mkdir(mode=0o755, exist_ok=True)


def settings() -> EdgeSettings:
    """With what the edge was brought up last, or would be."""
    try:
        found = json.loads((home() / _SETTINGS).read_bytes())
        read = EdgeSettings(**{**found, "publishing": Publishing(**found["publishing"])})
    except FileNotFoundError:
        read = EdgeSettings()
    except (ValueError, KeyError, TypeError):
        raise _damaged(home() / _SETTINGS) from None
    return replace(read, publishing=replace(read.publishing, ipv6=addresses.has_ipv6_loopback()))


def remember(chosen: EdgeSettings) -> None:
    """Keep the settings of this ``edge up``."""
    prepare()
    write_atomically(home() / _SETTINGS, json.dumps(asdict(chosen)).encode())


def register(lab: Lab) -> None:
    """Remember a lab behind the edge, with its names. LabctlError where another has its domain."""
    prepare()
    names = sorted({name for site in lab.sites if not site.inside for name in site.names})
    record = Single(lab.name, (*lab.domains, *lab.localhosts), tuple(names))
    for other in _labs():
        if other.name != lab.name and (both := {*other.domains} & {*record.domains}):
            raise LabctlError(
                f"{min(both)} would be {lab.name}'s and {other.name}'s behind the same edge",
                f"labctl down {other.name}, or give one of the two another name",
            )
    (home() / _LABS).mkdir(mode=0o700, exist_ok=True)
    write_atomically(_record(lab.name), json.dumps(asdict(record)).encode())


def forget(lab: str) -> bool:
    """A lab that is not behind the edge any more; whether it was."""
    try:
        _record(lab).unlink()
    except FileNotFoundError:
        return False
    return True


def purge() -> None:
    """Forget all that is kept, the bastion's host key too."""
    shutil.rmtree(home(), ignore_errors=True)
    doors.remove(NAME)


def _record(lab: str) -> Path:
    return home() / _LABS / f"{lab}.json"


def known() -> Known:
    """All names that the edge should know: of classes, and of labs behind it."""
    return Known(tuple(_groups()), tuple(_labs()))


def _groups() -> Iterable[Group]:
    from labctl.classes import registry

    for record in registry.everything():
        domains = record.domain, f"{record.name}.localhost"
        yield Group(record.name, domains, record.limits.bandwidth)


def _labs() -> Iterable[Single]:
    for path in sorted((home() / _LABS).glob("*.json")):
        try:
            found = json.loads(path.read_bytes())
            yield Single(found["name"], tuple(found["domains"]), tuple(found["names"]))
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError):
            raise _damaged(path) from None


def _damaged(path: Path) -> LabctlError:
    return LabctlError(f"{path} is damaged", "remove it, and bring up again what it was about")
