"""What is there on this machine, as one frozen value. Only observes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from labctl.setup import engine

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
INTERESTING = (
    "docker.io",
    "docker-ce",
    "docker-ce-cli",
    "docker-cli",
    "docker-compose",
    "debian-archive-keyring",
    "uidmap",
)
PROGRAMS = (
    "docker",
    "dockerd",
    "mmdebstrap",
    "certutil",
    "chromium",
    "chromium-browser",
    "java",
    "npm",
    "testssl",
    "h2load",
    "wrk",
)
_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;\\]+)\s*\\?$", re.MULTILINE)


@dataclass(frozen=True)
class Host:
    """What setting up needs to know of a machine.

    ``distribution`` and ``release`` are ID and VERSION_ID of os-release(5); ``packages`` the
    installed Debian packages with their versions, ``programs`` what is found on PATH;
    ``compose`` the version that ``docker compose`` says, empty where there is none; ``pinned``
    the Python packages by version that the project's environment holds.
    """

    distribution: str = "debian"
    release: str = "13"
    user: str = "root"
    is_root: bool = True
    has_sudo: bool = False
    in_docker_group: bool = False
    has_systemd: bool = True
    has_desktop: bool = False
    python: str = "/usr/bin/python3"
    has_ensurepip: bool = True
    venv_works: bool = True
    packages: frozenset[str] = frozenset()
    compose_package: str = ""
    programs: frozenset[str] = frozenset()
    engine: engine.State = engine.State.ANSWERS
    compose: str = ""
    pinned: frozenset[tuple[str, str]] = frozenset()


def observe() -> Host:
    """Look at this machine."""
    release = os_release()
    packages = installed_packages(INTERESTING)
    return Host(
        distribution=release.get("ID", ""),
        release=release.get("VERSION_ID", ""),
        user=_user(),
        is_root=os.geteuid() == 0,
        has_sudo=_may_sudo(),
        in_docker_group=_in_group("docker"),
        has_systemd=Path("/run/systemd/system").is_dir(),
        has_desktop=Path("/opt/docker-desktop").is_dir(),
        python=sys.executable,
        has_ensurepip=_has_ensurepip(),
        venv_works=_venv_works(VENV),
        packages=frozenset(packages),
        compose_package=packages.get("docker-compose", ""),
        programs=frozenset(name for name in PROGRAMS if _which(name)),
        engine=engine.state(),
        compose=_compose_version(),
        pinned=frozenset(installed_pins(VENV)),
    )


def os_release(path: Path = Path("/etc/os-release")) -> dict[str, str]:
    """The fields of os-release(5)."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name: value.strip("\"'") for name, _, value in pairs}


def output(*command: str, timeout: float = 20) -> str | None:
    """What a program prints, stripped; None where it is missing, fails or hangs."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def installed_packages(names: Iterable[str]) -> dict[str, str]:
    """Those of the Debian packages that are installed, with their versions."""
    listed = output("dpkg-query", "-W", "-f", "${Package} ${db:Status-Status} ${Version}\n") or ""
    rows = (line.split() for line in listed.splitlines())
    wanted = frozenset(names)
    return {
        row[0]: row[2]
        for row in rows
        if len(row) == 3 and row[0] in wanted and row[1] == "installed"
    }


def _which(name: str) -> str | None:
    search = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", "/sbin"])
    return shutil.which(name, path=search)


def _user() -> str:
    import pwd

    return pwd.getpwuid(os.geteuid()).pw_name


def _in_group(name: str) -> bool:
    import grp

    try:
        entry = grp.getgrnam(name)
    except KeyError:
        return False
    return entry.gr_gid in os.getgroups() or _user() in entry.gr_mem


def _may_sudo() -> bool:
    if not _which("sudo"):
        return False
    can_ask = sys.stdin.isatty() or sys.stderr.isatty()
    return can_ask or output("sudo", "-n", "true") is not None


def _has_ensurepip() -> bool:
    return output(sys.executable, "-c", "import ensurepip, venv") is not None


def _venv_works(venv: Path) -> bool:
    return output(str(venv / "bin" / "python"), "-c", "import pip") is not None


def _compose_version() -> str:
    return output("docker", "compose", "version", "--short") or ""


def normal(name: str) -> str:
    """A Python distribution's name in the form that compares equal."""
    return re.sub(r"[-_.]+", "-", name).lower()


def installed_pins(venv: Path) -> Iterable[tuple[str, str]]:
    """Name and version of each distribution in a virtual environment."""
    for folder in venv.glob("lib/python3*/site-packages/*.dist-info"):
        name, _, version = folder.name.removesuffix(".dist-info").rpartition("-")
        yield normal(name), version


def wanted_pins(path: Path) -> frozenset[tuple[str, str]]:
    """Name and version of each line of a requirements file with pins."""
    found = _PIN.finditer(path.read_text(encoding="utf-8"))
    return frozenset((normal(pin["name"]), pin["version"]) for pin in found)
