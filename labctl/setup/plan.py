"""Which steps bring a host to its goal: a pure function of what was observed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from labctl.setup.engine import State
from labctl.setup.host import ROOT, VENV, Host
from labctl.setup.tools import FOLDER, PROGRAMS, REQUIREMENTS
from labctl.setup.tools import VENV as TOOLS

Goal = Literal["up", "test", "lint"]
Command = tuple[str, ...]
COMPOSE_FILE = ROOT / ".setup" / "docker-compose.deb"
PLUGIN = "usr/libexec/docker/cli-plugins/docker-compose"
INSTALL = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y")
SUPPORTED = ("debian", "ubuntu")


class Unsupported(Exception):
    """A host for which nothing can be planned; the message says what to do by hand."""


@dataclass(frozen=True)
class Step:
    """Something to do: what, why, and the commands that do it.

    ``root`` needs an administrator's rights, ``docker`` the right to talk to the engine.
    A ``tolerant`` step may fail, a later one then says why. ``starts_engine`` is done when
    the engine answers.
    """

    what: str
    why: str
    commands: tuple[Command, ...]
    root: bool = False
    docker: bool = False
    tolerant: bool = False
    starts_engine: bool = False


@dataclass(frozen=True)
class Wishes:
    """What is asked for: the goal, and the pins that the Python environment must hold.

    ``tools`` are pins of others' tools that tests need and that are not there.
    """

    goal: Goal
    pins: frozenset[tuple[str, str]]
    lab: str = "lab1"
    tools: frozenset[tuple[str, str]] = frozenset()


def plan(host: Host, wishes: Wishes) -> tuple[Step, ...]:
    """The steps that are missing on ``host``, in order; empty where nothing is.

    Raises `Unsupported` where something is missing and labctl does not know the system.
    """
    if host.has_desktop and host.engine is not State.ANSWERS and wishes.goal != "lint":
        raise Unsupported("Docker Desktop is installed and does not run: start it, then run this.")
    engine = () if wishes.goal == "lint" else _engine(host)
    steps = (*_system(host, wishes), *engine, *_python(host, wishes), *_tools(host, wishes))
    if host.distribution not in SUPPORTED and any(step.root for step in steps):
        missing = "; ".join(step.what for step in steps if step.root)
        raise Unsupported(
            f"setting up is known for Debian and Ubuntu, not for {host.distribution or 'this'}. "
            f"Missing here: {missing}. Install that by hand and run this again."
        )
    return steps


def last_steps(wishes: Wishes) -> tuple[Step, ...]:
    """What follows when everything is there, each time."""
    if wishes.goal == "lint":
        return ()
    labctl = str(VENV / "bin" / "labctl")
    labs = () if wishes.goal == "test" else (wishes.lab,)
    images = Step(
        f"images of {', '.join(labs) or 'all labs'}",
        "each machine runs from an image of the Debian packages it needs; built once",
        ((labctl, "images", "build", *labs),),
        docker=True,
    )
    up = Step(
        f"the lab {wishes.lab}",
        "its machines, networks and certificates; nothing is touched that is as it should be",
        ((labctl, "up", wishes.lab),),
        docker=True,
    )
    doctor = Step(
        "a last look at this host",
        "what labs need is here; this says what else would make them easier to use",
        ((labctl, "doctor"),),
        docker=True,
        tolerant=True,
    )
    return (images, up, doctor) if wishes.goal == "up" else (images,)


def _system(host: Host, wishes: Wishes) -> Iterator[Step]:
    reasons = dict(_packages(host, wishes))
    fetch = wishes.goal != "lint" and not host.compose and _needs_fetched_compose(host)
    if reasons:
        yield Step(
            "current package lists",
            "apt must know what the archive has today",
            (("apt-get", "-qq", "update"),),
            root=True,
            tolerant=True,
        )
        for package, why in reasons.items():
            lean = () if package == "docker.io" else ("--no-install-recommends",)
            yield Step(package, why, ((*INSTALL, *lean, package),), root=True)
    if fetch:
        yield from _fetched_compose(host)


def _packages(host: Host, wishes: Wishes) -> Iterator[tuple[str, str]]:
    """Debian packages that are missing, each with the reason."""
    if not host.has_ensurepip:
        yield "python3-venv", "labctl's Python packages live in .venv, apart from the system's"
    if wishes.goal != "lint":
        yield from _engine_packages(host)
        if host.distribution in SUPPORTED:
            yield from _base_packages(host)
    if wishes.goal == "test":
        yield from _test_packages(host)


def _engine_packages(host: Host) -> Iterator[tuple[str, str]]:
    if host.engine is State.ABSENT:
        yield "docker.io", "the container engine: each machine of a lab is a container"
    if "docker" not in host.programs and _client_apart(host):
        yield _client_apart(host), "the engine's command line"
    if not host.compose and not _needs_fetched_compose(host):
        yield _compose_package(host), "labs are Compose stacks; `docker compose` runs them"


def _base_packages(host: Host) -> Iterator[tuple[str, str]]:
    if "mmdebstrap" not in host.programs:
        yield "mmdebstrap", "makes the base image from a Debian mirror, without a registry"
    if host.distribution != "debian" and "debian-archive-keyring" not in host.packages:
        yield "debian-archive-keyring", "checks the signatures of Debian's packages"
    if not host.is_root and "uidmap" not in host.packages:
        yield "uidmap", "lets mmdebstrap work for a user who is not root"


def _test_packages(host: Host) -> Iterator[tuple[str, str]]:
    if not host.programs & {"chromium", "chromium-browser"}:
        ubuntu = host.distribution == "ubuntu"
        yield "chromium-browser" if ubuntu else "chromium", "the tests open sites in a browser"
    if "certutil" not in host.programs:
        yield "libnss3-tools", "certutil gives the tests' browser the lab's authority"
    for program, (package, why) in PROGRAMS.items():
        if program not in host.programs:
            yield package, why


def _client_apart(host: Host) -> str:
    """The package of the ``docker`` command where the engine's does not hold it."""
    if "docker-ce" in host.packages:
        return "docker-ce-cli"
    return "docker-cli" if host.distribution == "debian" and _major(host) >= 13 else ""


def _compose_package(host: Host) -> str:
    if host.packages & {"docker-ce", "docker-ce-cli"}:
        return "docker-compose-plugin"
    return "docker-compose-v2" if host.distribution == "ubuntu" else "docker-compose"


def _needs_fetched_compose(host: Host) -> bool:
    return _compose_package(host) == "docker-compose" and _major(host) < 13


def _major(host: Host) -> int:
    """The release's number; Debian's testing has none and counts as newer than all."""
    major = host.release.partition(".")[0]
    return int(major) if major.isdecimal() else 99


def _fetched_compose(host: Host) -> Iterator[Step]:
    yield Step(
        "the package docker-compose of Debian 13",
        "Debian 12 has Compose 1.29 only. One file from this machine's own mirror; no source"
        " is added to the system",
        ((host.python, "-B", "-m", "labctl.setup.compose_package", str(COMPOSE_FILE)),),
    )
    if host.compose_package:
        unpacked = COMPOSE_FILE.with_suffix("")
        yield Step(
            "Compose v2 as a plugin in /usr/local",
            f"docker-compose {host.compose_package} is installed and stays as it is",
            (
                ("dpkg-deb", "--extract", str(COMPOSE_FILE), str(unpacked)),
                ("install", "-D", f"{unpacked}/{PLUGIN}", f"/usr/local/{_local(PLUGIN)}"),
            ),
            root=True,
        )
        return
    yield Step(
        "Compose v2",
        "labs are Compose stacks; `docker compose` runs them",
        ((*INSTALL, "--no-install-recommends", str(COMPOSE_FILE)),),
        root=True,
    )


def _local(plugin: str) -> str:
    """The plugin's place below /usr/local, where Docker looks too."""
    return plugin.replace("usr/libexec", "lib")


def _engine(host: Host) -> Iterator[Step]:
    if host.engine in {State.ABSENT, State.DOWN}:
        systemd = ("systemctl", "enable", "--now", "docker")
        by_itself = (host.python, "-B", "-m", "labctl.setup.engine")
        yield Step(
            "the engine runs",
            "labctl talks to it through /var/run/docker.sock",
            (systemd if host.has_systemd else by_itself,),
            root=True,
            starts_engine=True,
        )
    if not host.is_root and host.engine is not State.ANSWERS and not host.in_docker_group:
        yield Step(
            f"{host.user} in the group docker",
            "the engine answers root and this group only. Mind: who may talk to the engine"
            " can become root on this host",
            (("usermod", "--append", "--groups", "docker", host.user),),
            root=True,
        )


def _python(host: Host, wishes: Wishes) -> Iterator[Step]:
    python = str(VENV / "bin" / "python")
    if not host.venv_works:
        yield Step(
            "a Python environment in .venv",
            "labctl's Python packages live there, apart from the system's",
            ((host.python, "-m", "venv", "--clear", str(VENV)),),
        )
    pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    if not host.venv_works or not wishes.pins <= host.pinned:
        files = ["requirements.txt", *(["requirements-dev.txt"] * (wishes.goal != "up"))]
        chosen = (part for name in files for part in ("-r", str(ROOT / name)))
        yield Step(
            "Python packages",
            "each in the version and with the hash that " + " and ".join(files) + " say",
            ((*pip, "--require-hashes", *chosen),),
        )
    if not host.venv_works or "hosting-labctl" not in {name for name, _ in host.pinned}:
        yield Step(
            "labctl itself in .venv",
            "the command `labctl`, running from this checkout",
            ((*pip, "--no-deps", "--no-build-isolation", "-e", str(ROOT)),),
        )


def _tools(host: Host, wishes: Wishes) -> Iterator[Step]:
    """Others' checkers, for the tests only."""
    if wishes.goal != "test" or not wishes.tools:
        return
    python = str(TOOLS / "bin" / "python")
    pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
    npm = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(FOLDER))
    yield Step(
        "checkers of TLS, HTTP and pages",
        "the tests hold every lab against them; in .venv-tools and tests/tools/node_modules, each"
        " in the version and with the hash that tests/tools says",
        (
            (host.python, "-m", "venv", "--clear", str(TOOLS)),
            # one of them comes as source only: built as every Python builds it by now (PEP 517)
            (*pip, "--use-pep517", "--require-hashes", "-r", str(REQUIREMENTS)),
            npm,
        ),
    )
