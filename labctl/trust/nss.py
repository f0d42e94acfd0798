"""NSS databases: Chromium's shared one (``~/.pki/nssdb``) and one a Firefox profile.

certutil(1) of libnss3-tools reads and writes them.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from labctl.errors import LabctlError
from labctl.trust.store import Result, Root, Runner, State, must, run

SHARED = ".pki/nssdb"
OTHER_SHARED = ("snap/chromium/current/.pki/nssdb",)
FIREFOX = (
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    ".var/app/org.mozilla.firefox/.mozilla/firefox",
    "Library/Application Support/Firefox/Profiles",
)
PACKAGES = "Debian, Ubuntu: apt install libnss3-tools; Fedora: nss-tools; macOS: brew install nss"
MISSING = 127


@dataclass(frozen=True)
class Nss:
    """Every database below a home directory."""

    home: Path = field(default_factory=Path.home)
    runner: Runner = run
    title: str = "NSS (Chromium, Firefox)"

    def check(self, root: Root) -> State:
        """Trusted where every database that is there verifies the root as a TLS authority."""
        databases = tuple(self._databases())
        if not self._has_certutil():
            return State("unavailable", _named(databases), f"certutil is missing. {PACKAGES}")
        trusting = [database for database in databases if self._trusts(database, root)]
        if not trusting:
            return State("absent", _named(databases))
        rest = [database for database in databases if database not in trusting]
        if rest:
            return State("partial", _named(databases), f"not in {', '.join(_named(rest))}")
        return State("trusted", _named(databases))

    def install(self, root: Root) -> tuple[str, ...]:
        """Add the root to every database; makes Chromium's where it is missing."""
        self._need_certutil()
        self._make_shared()
        changed = [each for each in self._databases() if not self._trusts(each, root)]
        for database in changed:
            arguments = ("-A", "-t", "C,,", "-n", root.name)
            self._must(database, arguments, root.pem)
        return _named(changed)

    def uninstall(self, root: Root) -> tuple[str, ...]:
        """Remove the root from every database."""
        self._need_certutil()
        changed = [each for each in self._databases() if self._holds(each, root)]
        for database in changed:
            self._must(database, ("-D", "-n", root.name))
        return _named(changed)

    def _databases(self) -> Iterable[Path]:
        for directory in (SHARED, *OTHER_SHARED):
            if (self.home / directory / "cert9.db").is_file():
                yield self.home / directory
        for directory in FIREFOX:
            for database in sorted((self.home / directory).glob("*/cert9.db")):
                yield database.parent

    def _holds(self, database: Path, root: Root) -> bool:
        found = self._certutil(database, ("-L", "-n", root.name, "-a"))
        if found.status != 0:
            return False
        return ssl.PEM_cert_to_DER_cert(found.output.strip()) == root.der

    def _trusts(self, database: Path, root: Root) -> bool:
        # -u L asks for a TLS authority: in the database, valid today, and trusted.
        verified = self._certutil(database, ("-V", "-u", "L", "-n", root.name))
        return verified.status == 0 and self._holds(database, root)

    def _make_shared(self) -> None:
        database = self.home / SHARED
        if (database / "cert9.db").is_file():
            return
        database.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._must(database, ("-N", "--empty-password"))

    def _certutil(self, database: Path, arguments: Sequence[str], stdin: str = "") -> Result:
        return self.runner(_command(database, arguments), stdin)

    def _must(self, database: Path, arguments: Sequence[str], stdin: str = "") -> None:
        must(self._certutil(database, arguments, stdin), _command(database, arguments))

    def _has_certutil(self) -> bool:
        return self.runner(("certutil", "--version"), "").status != MISSING

    def _need_certutil(self) -> None:
        if not self._has_certutil():
            raise LabctlError("certutil is missing: it writes the browsers' databases", PACKAGES)


def _command(database: Path, arguments: Sequence[str]) -> tuple[str, ...]:
    return ("certutil", *arguments, "-d", f"sql:{database}")


def _named(databases: Iterable[Path]) -> tuple[str, ...]:
    return tuple(str(database) for database in databases)
