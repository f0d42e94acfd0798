"""SSH through a bastion by the host's own ssh, with keys and passwords of the tests' making."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tests.e2e.support.edge import OwnEdge
from tests.e2e.support.home import Ran, run


def make_key(path: Path) -> Path:
    """A new key pair; the private one's path."""
    run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)])
    return path


def public(path: Path) -> str:
    """The public key of a pair, type and base64."""
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def options(edge: OwnEdge, *more: str) -> list[str]:
    """ssh's words for an edge: nothing of this host's own settings and keys."""
    said = (
        *(f"Port={edge.ssh}", "IdentitiesOnly=yes", "IdentityAgent=none", "LogLevel=ERROR"),
        *("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "NumberOfPasswordPrompts=1"),
    )
    return ["-F", "none", *(word for one in (*said, *more) for word in ("-o", one))]


def by_key(edge: OwnEdge, key: Path, user: str, *command: str, **more: Any) -> Ran:
    """Log in with a key and run a command."""
    words = options(edge, f"IdentityFile={key}", "BatchMode=yes")
    return run(["ssh", *words, f"{user}@127.0.0.1", *command], **more)


def by_password(edge: OwnEdge, password: str, user: str, *command: str) -> Ran:
    """ssh asks a program for the password; it is in no command line."""
    asked = edge.home.directory / "askpass"
    asked.write_text('#!/bin/sh\nprintf "%s\\n" "$TEST_PASSWORD"\n')
    asked.chmod(0o700)
    environment = {
        **os.environ,
        "SSH_ASKPASS": str(asked),
        "SSH_ASKPASS_REQUIRE": "force",
        "TEST_PASSWORD": password,
    }
    words = options(edge, "PubkeyAuthentication=no")
    return run(["ssh", *words, f"{user}@127.0.0.1", *command], env=environment)


def sftp(edge: OwnEdge, key: Path, user: str, orders: str) -> Ran:
    """Log in with a key and do what sftp's batch says."""
    words = options(edge, f"IdentityFile={key}", "BatchMode=yes")
    return run(["sftp", "-q", "-b", "-", *words, f"{user}@127.0.0.1"], input=orders)
