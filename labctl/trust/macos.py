"""The login keychain of macOS, used by Safari, Chrome and the system, by security(1).

The user's own keychain needs no root; macOS asks the user in a window of its own.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from labctl.errors import LabctlError
from labctl.trust.store import Result, Root, Runner, State, must, run

KEYCHAIN = "Library/Keychains/login.keychain-db"


@dataclass(frozen=True)
class MacOs:
    """The login keychain below a home directory."""

    home: Path = field(default_factory=Path.home)
    program: str | None = field(default_factory=lambda: shutil.which("security"))
    runner: Runner = run
    title: str = "macOS keychain"

    def check(self, root: Root) -> State:
        """Trusted where the keychain has the root and the system verifies it for TLS."""
        if self.program is None or not self._keychain.parent.is_dir():
            return State("unavailable", note="this is no macOS")
        place = (str(self._keychain),)
        if not self._holds(root):
            return State("absent", place)
        with _as_file(root) as path:
            verified = self._ask("verify-cert", "-c", path, "-p", "ssl", "-l", "-L")
        if verified.status == 0:
            return State("trusted", place)
        return State("partial", place, "it is in the keychain, without being trusted")

    def install(self, root: Root) -> tuple[str, ...]:
        """Add the root to the keychain and trust it for TLS."""
        self._need_program()
        if self.check(root).status == "trusted":
            return ()
        options = ("-r", "trustRoot", "-p", "ssl", "-k", str(self._keychain))
        with _as_file(root) as path:
            self._must("add-trusted-cert", *options, path)
        return (str(self._keychain),)

    def uninstall(self, root: Root) -> tuple[str, ...]:
        """Remove the root with its trust settings."""
        self._need_program()
        if not self._holds(root):
            return ()
        self._must("delete-certificate", "-Z", root.fingerprint.upper(), "-t", str(self._keychain))
        return (str(self._keychain),)

    @property
    def _keychain(self) -> Path:
        return self.home / KEYCHAIN

    def _holds(self, root: Root) -> bool:
        found = self._ask("find-certificate", "-a", "-Z", str(self._keychain))
        return root.fingerprint.upper() in found.output

    def _command(self, arguments: Sequence[str]) -> tuple[str, ...]:
        return (self.program or "security", *arguments)

    def _ask(self, *arguments: str) -> Result:
        return self.runner(self._command(arguments), "")

    def _must(self, *arguments: str) -> None:
        command = self._command(arguments)
        must(self.runner(command, ""), command)

    def _need_program(self) -> None:
        if self.program is None:
            raise LabctlError("this is no macOS: it has no program called security")


@contextmanager
def _as_file(root: Root) -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="labctl-") as directory:
        path = Path(directory) / f"{root.name}.pem"
        path.write_text(root.pem)
        yield str(path)
