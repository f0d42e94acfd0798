"""What every trust store has in common: the root, the state found, and running programs."""

from __future__ import annotations

import hashlib
import shlex
import ssl
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

from labctl.errors import LabctlError

Status = Literal["trusted", "partial", "absent", "unavailable"]

TIMEOUT = 120


@dataclass(frozen=True)
class Root:
    """A lab's root certificate (PEM), as trust stores name it.

    The name carries the lab, for people, and the certificate's SHA-256, so that a root made
    after a purge is never taken for the one before.
    """

    lab: str
    pem: str

    @cached_property
    def der(self) -> bytes:
        """The certificate itself."""
        return ssl.PEM_cert_to_DER_cert(self.pem)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in lower-case hexadecimal."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def name(self) -> str:
        """The certificate's name in every store: a file's stem, a nickname, an alias."""
        return f"hosting-labctl-{self.lab}-{self.fingerprint[:16]}"

    @property
    def export(self) -> str:
        """The command that prints the certificate."""
        return shlex.join(["labctl", "ca", "export", self.lab])


@dataclass(frozen=True, slots=True)
class State:
    """Whether a store trusts a root.

    ``partial``: some of the store's places do, or it is there without being trusted;
    ``unavailable``: this computer has no such store, or not the program to ask it. ``places``
    are the files or databases looked at, ``note`` says what a person should know.
    """

    status: Status
    places: tuple[str, ...] = ()
    note: str = ""


class Store(Protocol):
    """A place where programs look up whom to trust.

    ``check`` changes nothing. ``install`` and ``uninstall`` return the places they changed,
    none where there was nothing to do; LabctlError with the command to type where they need
    root or a program that is not there.
    """

    @property
    def title(self) -> str:
        """The store's name for people."""

    def check(self, root: Root) -> State:
        """Whether the root is trusted here."""

    def install(self, root: Root) -> tuple[str, ...]:
        """Trust the root."""

    def uninstall(self, root: Root) -> tuple[str, ...]:
        """Trust the root no longer."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a program answered: its exit status, what it printed, and its complaint."""

    status: int
    output: str
    complaint: str = ""


Runner = Callable[[Sequence[str], str], Result]


def run(command: Sequence[str], stdin: str = "") -> Result:
    """Run a program with ``stdin``; a program that is missing or hangs has status 127 or 124."""
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, check=False, timeout=TIMEOUT
        )
    except FileNotFoundError:
        return Result(127, "", f"{command[0]}: not found")
    except subprocess.TimeoutExpired:
        return Result(124, "", f"{command[0]}: no answer in {TIMEOUT} s")
    return Result(done.returncode, done.stdout, done.stderr)


def must(result: Result, command: Sequence[str], hint: str = "") -> str:
    """The program's output; LabctlError with its complaint where it failed."""
    if result.status != 0:
        complaint = (result.complaint.strip() or result.output.strip()).splitlines()
        reason = complaint[-1] if complaint else f"exit status {result.status}"
        raise LabctlError(f"{command[0]}: {reason}", hint or f"it was: {shlex.join(command)}")
    return result.output
