"""Java's store ``cacerts``, by keytool(1) of the same Java."""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labctl.errors import LabctlError
from labctl.trust.store import Result, Root, Runner, State, must, run

# Java's own documented default; the store holds no secret.
PASSWORD = "changeit"  # noqa: S105 (what every Java trust store comes with, no secret)
# The alias may be followed by a date with commas of its own.
ENTRY = re.compile(
    r"^(?P<alias>.+?), .*trustedCertEntry, *\n.*\(SHA-256\): (?P<hex>[0-9A-F:]{95})$",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Java:
    """The store of the Java that ``keytool`` belongs to, or the one given."""

    keytool: Path | None = None
    store: Path | None = None
    runner: Runner = run
    title: str = "Java"

    def check(self, root: Root) -> State:
        """Trusted where an entry has the root's fingerprint, under whatever alias."""
        keytool, store = self._keytool(), self._store()
        if keytool is None or store is None:
            return State("unavailable", note="no Java found: neither JAVA_HOME nor keytool")
        listed = self._ask(keytool, ("-list", *_on(store)))
        if listed.status != 0:
            return State("unavailable", (str(store),), listed.output.strip())
        alias = _entries(listed.output).get(root.fingerprint)
        if alias is None:
            return State("absent", (str(store),))
        note = "" if alias == root.name else f"by the entry {alias}, which another program made"
        return State("trusted", (str(store),), note)

    def install(self, root: Root) -> tuple[str, ...]:
        """Import the root; needs root where the store belongs to it."""
        keytool, store = self._present()
        if self.check(root).status == "trusted":
            return ()
        import_it = ("-importcert", "-noprompt", "-alias", root.name, *_on(store))
        command = shlex.join(["sudo", str(keytool), *import_it])
        _need_write(store, f"{root.export} | {command}")
        must(self._ask(keytool, import_it, root.pem), (str(keytool), *import_it))
        return (str(store),)

    def uninstall(self, root: Root) -> tuple[str, ...]:
        """Remove our entry; one that another program made stays (``check`` names it)."""
        keytool, store = self._present()
        listed = self._ask(keytool, ("-list", "-alias", root.name, *_on(store)))
        if listed.status != 0:
            return ()
        remove = ("-delete", "-alias", root.name, *_on(store))
        _need_write(store, shlex.join(["sudo", str(keytool), *remove]))
        must(self._ask(keytool, remove), (str(keytool), *remove))
        return (str(store),)

    def _keytool(self) -> Path | None:
        if self.keytool:
            return self.keytool
        home = os.environ.get("JAVA_HOME")
        found = shutil.which("keytool", path=f"{home}/bin" if home else None)
        return Path(found).resolve() if found else None

    def _store(self) -> Path | None:
        keytool = self._keytool()
        if self.store or keytool is None:
            return self.store
        home = keytool.parent.parent
        places = (home / "lib/security/cacerts", home / "jre/lib/security/cacerts")
        return next((place for place in places if place.is_file()), None)

    def _present(self) -> tuple[Path, Path]:
        keytool, store = self._keytool(), self._store()
        if keytool is None or store is None:
            raise LabctlError(
                "no Java found: neither JAVA_HOME nor keytool on PATH",
                "set JAVA_HOME to the Java that should trust the lab",
            )
        return keytool, store

    def _ask(self, keytool: Path, arguments: Sequence[str], stdin: str = "") -> Result:
        # English output, whatever the user's language.
        return self.runner((str(keytool), "-J-Duser.language=en", *arguments), stdin)


def _on(store: Path) -> tuple[str, ...]:
    return ("-keystore", str(store), "-storepass", PASSWORD)


def _entries(listing: str) -> Mapping[str, str]:
    """Aliases by fingerprint (lower-case hexadecimal), from ``keytool -list``."""
    found = ENTRY.finditer(listing)
    return {entry["hex"].replace(":", "").lower(): entry["alias"] for entry in found}


def _need_write(store: Path, command: str) -> None:
    if not os.access(store, os.W_OK):
        raise LabctlError(f"{store} belongs to root", f"type: {command}")
