"""The system's store, used by curl, wget, Python, git and most other programs.

Debian: update-ca-certificates(8); Fedora and alike: update-ca-trust(8); Arch: trust(1).
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import LabctlError
from labctl.trust.store import Root, Runner, State, must, run


@dataclass(frozen=True, slots=True)
class Family:
    """Where a family of distributions keeps added authorities, and how it takes them up."""

    anchors: Path
    bundle: Path
    refresh: tuple[str, ...]


FAMILIES = (
    Family(
        Path("/usr/local/share/ca-certificates"),
        Path("/etc/ssl/certs/ca-certificates.crt"),
        ("update-ca-certificates",),
    ),
    Family(
        Path("/etc/pki/ca-trust/source/anchors"),
        Path("/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"),
        ("update-ca-trust", "extract"),
    ),
    Family(
        Path("/etc/ca-certificates/trust-source/anchors"),
        Path("/etc/ssl/certs/ca-certificates.crt"),
        ("trust", "extract-compat"),
    ),
    Family(
        Path("/etc/pki/trust/anchors"),
        Path("/var/lib/ca-certificates/ca-bundle.pem"),
        ("update-ca-certificates",),
    ),
)


@dataclass(frozen=True)
class System:
    """The store of the first family whose directory is there."""

    families: Sequence[Family] = FAMILIES
    runner: Runner = run
    title: str = "system"

    def check(self, root: Root) -> State:
        """Trusted where the anchor's file is there and the bundle has taken it up."""
        family = self._family()
        if family is None:
            return State("unavailable", note="no directory of a known distribution")
        anchor = _anchor(family, root)
        found = (anchor.is_file(), _bundled(family, root))
        if all(found):
            return State("trusted", (str(anchor),))
        if any(found):
            note = f"the file and {family.bundle} disagree: {shlex.join(family.refresh)} mends it"
            return State("partial", (str(anchor),), note)
        return State("absent", (str(anchor),))

    def install(self, root: Root) -> tuple[str, ...]:
        """Write the anchor's file and have the bundle made again; needs root."""
        family = self._present()
        if self.check(root).status == "trusted":
            return ()
        anchor = _anchor(family, root)
        command = f"{root.export} | sudo tee {shlex.quote(str(anchor))} >/dev/null"
        self._need_root(family, f"{command} && sudo {shlex.join(family.refresh)}")
        _write(anchor, root.pem)
        must(self.runner(family.refresh, ""), family.refresh)
        return (str(anchor),)

    def uninstall(self, root: Root) -> tuple[str, ...]:
        """Remove the anchor's file and have the bundle made again; needs root."""
        family = self._present()
        if self.check(root).status == "absent":
            return ()
        anchor = _anchor(family, root)
        remove = shlex.join(["sudo", "rm", "-f", str(anchor)])
        self._need_root(family, f"{remove} && sudo {shlex.join(family.refresh)}")
        anchor.unlink(missing_ok=True)
        must(self.runner(family.refresh, ""), family.refresh)
        return (str(anchor),)

    def _family(self) -> Family | None:
        return next((family for family in self.families if family.anchors.is_dir()), None)

    def _present(self) -> Family:
        family = self._family()
        if family is None:
            raise LabctlError(
                "this system's trust store is not one that labctl knows",
                "its manual says how to add a certificate: labctl ca export prints it",
            )
        return family

    def _need_root(self, family: Family, command: str) -> None:
        if not os.access(family.anchors, os.W_OK):
            raise LabctlError(f"{family.anchors} belongs to root", f"type: {command}")


def _anchor(family: Family, root: Root) -> Path:
    return family.anchors / f"{root.name}.crt"


def _bundled(family: Family, root: Root) -> bool:
    try:
        return root.pem.strip() in family.bundle.read_text(errors="replace")
    except OSError:
        return False


def _write(anchor: Path, pem: str) -> None:
    new = anchor.with_suffix(".new")  # the refreshing program takes up *.crt only
    new.write_text(pem)
    new.chmod(0o644)
    new.replace(anchor)
