"""Docker Compose v2 on Debian 12: that one package of Debian 13, from the machine's own mirror.

Debian 12 has Compose 1.29 only. Debian 13's ``docker-compose`` is a static program that needs
nothing newer than Debian 12's C library. It is fetched with a state directory of its own, so
the system's apt never hears of another release, and needs no root. apt checks the archive's
signature by Debian's keyring and the package by its SHA-256, as always.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from labctl.setup.apt_sources import MIRROR_VARIABLE, Mirror, debian_mirror, read
from labctl.setup.host import os_release

PACKAGE = "docker-compose"
RELEASE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def source_text(mirror: Mirror) -> str:
    """The one source of the separate state, in deb822 format."""
    return (
        f"Types: deb\nURIs: {mirror.main}\nSuites: {RELEASE}\nComponents: main\n"
        f"Signed-By: {KEYRING}\n"
    )


def apt_options(state: Path) -> list[str]:
    """Options that keep apt-get inside the directory ``state``."""
    directories = {
        "Dir::State": state / "state",
        "Dir::Cache": state / "cache",
        "Dir::Etc::sourcelist": state / "debian.sources",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferences": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
        "Dir::State::status": "/var/lib/dpkg/status",
        "APT::Sandbox::User": "root",
        "Debug::NoLocking": "1",
    }
    return [f"-o{name}={value}" for name, value in directories.items()]


def download(mirror: Mirror, target: Path) -> None:
    """Put the package at ``target``; CalledProcessError where apt cannot."""
    with tempfile.TemporaryDirectory(prefix="labctl-apt-") as name:
        state = Path(name)
        (state / "state" / "lists" / "partial").mkdir(parents=True)
        (state / "cache" / "archives" / "partial").mkdir(parents=True)
        (state / "debian.sources").write_text(source_text(mirror), encoding="utf-8")
        apt = ["apt-get", "-qq", *apt_options(state)]
        subprocess.run([*apt, "update"], stdin=subprocess.DEVNULL, check=True)
        command = [*apt, "download", f"{PACKAGE}/{RELEASE}"]
        subprocess.run(command, stdin=subprocess.DEVNULL, check=True, cwd=state)
        _move(next(state.glob(f"{PACKAGE}_*.deb")), target)


def _move(package: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_suffix(".partial")
    shutil.copyfile(package, partial)
    partial.replace(target)
    target.chmod(0o644)


def main() -> int:
    """Fetch the package to the path given."""
    parser = argparse.ArgumentParser(prog="labctl.setup.compose_package", description=__doc__)
    parser.add_argument("target", type=Path)
    target: Path = parser.parse_args().target
    wish = os.environ.get(MIRROR_VARIABLE, "")
    mirror = debian_mirror(read(), os_release().get("VERSION_CODENAME", ""), wish)
    if mirror is None:
        print(f"no Debian mirror in /etc/apt: name one in {MIRROR_VARIABLE}", file=sys.stderr)
        return 1
    try:
        download(mirror, target)
    except (subprocess.CalledProcessError, OSError, StopIteration) as problem:
        print(f"{PACKAGE} of Debian {RELEASE} is not to be had: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
