"""Others' tools that the tests hold labs against: which there should be, and which there are.

Their Python packages are in an environment of their own, since they want other versions than
labctl does; npm's are installed without running a script of theirs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from labctl.setup.host import ROOT, installed_pins, wanted_pins

FOLDER = ROOT / "tests" / "tools"
VENV = ROOT / ".venv-tools"
REQUIREMENTS = FOLDER / "requirements.txt"
_LOCK = FOLDER / "package-lock.json"
_INSTALLED = FOLDER / "node_modules" / ".package-lock.json"  # npm's own note of what it did

# program → Debian package, and what it is for
PROGRAMS = {
    "java": ("default-jre-headless", "the checker of HTML is a Java program"),
    "npm": ("npm", "installs that checker, and the one of accessibility"),
    "testssl": ("testssl.sh", "the tests let it look at each way of speaking TLS"),
    "h2load": ("nghttp2-client", "the tests open a thousand connections with it"),
    "wrk": ("wrk", "the tests open a thousand connections with it"),
}

Pins = frozenset[tuple[str, str]]


def wanted() -> Pins:
    """Name and version of each package that there should be."""
    return wanted_pins(REQUIREMENTS) | frozenset(_locked(_LOCK))


def present() -> Pins:
    """Name and version of each that there is."""
    return frozenset(installed_pins(VENV)) | frozenset(_locked(_INSTALLED))


def _locked(path: Path) -> Iterable[tuple[str, str]]:
    """The packages in a lock file of npm's (version 3); none where there is no such file."""
    try:
        packages = json.loads(path.read_bytes())["packages"]
    except FileNotFoundError:
        return
    for place, package in packages.items():
        if place:
            yield place.rpartition("node_modules/")[2], package["version"]
