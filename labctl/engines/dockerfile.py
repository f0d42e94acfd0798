"""What images are made of, as text and archives: pure functions.

An image is a set of Debian packages on a base that all share (DESIGN decision 2), and what an
application wants beside them: libraries that were fetched, or another image as its base. Its tag is
the hash of everything that labctl decides about it; which mirror the packages come from, or
whether the base came from a registry, does not enter, so a lab renders the same anywhere.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
import tarfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from labctl.engines.tailoring import BEFORE, TRIMS
from labctl.model import Extra
from labctl.resources import machine_scripts
from labctl.setup.apt_sources import Mirror

PREFIX = "hosting-labctl"
BASE = f"{PREFIX}/base"
MACHINE = f"{PREFIX}/machine"
HASH_LABEL = f"{PREFIX}.image"
PACKAGES_LABEL = f"{PREFIX}.packages"
SUITE = "trixie"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
BASE_PACKAGES = ("ca-certificates", "less", "nano", "netbase", "s6")
EXCLUDED = tuple(f"/usr/share/{name}/*" for name in ("doc", "info", "locale", "man"))
INCLUDED = ("/usr/share/doc/*/copyright",)
APPLICATION = "application"  # the script that starts what an image that is a root was made for
NOTHING = Extra()
DPKG_CONFIG = "etc/dpkg/dpkg.cfg.d/labctl"
CLEAN = (
    "rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old"
    " /var/cache/ldconfig/* /var/log/apt /var/log/*.log"
)


@dataclass(frozen=True)
class Recipe:
    """What all images share: the Debian suite, and the scripts of every machine by name."""

    scripts: Mapping[str, bytes]
    suite: str = SUITE


# A machine may have a read-only root, and volumes at /etc and /var alone. So what people and labs
# write to is below these, with symbolic links to it, as OSTree lays systems out.
WRITTEN: Mapping[str, str] = {
    "/home": "/var/home",
    "/opt": "/var/opt",
    "/root": "/var/roothome",
    "/srv": "/var/srv",
    "/usr/lib/cgi-bin": "/var/lib/cgi-bin",
    "/usr/lib/ssl": "/var/lib/ssl",
    "/usr/local": "/var/usrlocal",
}


def as_written(path: str) -> str:
    """A path of a machine as labs write it, where a program has followed one of these links."""
    for link, place in WRITTEN.items():
        if path.startswith(f"{place}/"):
            return link + path.removeprefix(place)
    return path


def base_reference(recipe: Recipe) -> str:
    """The base image's name and tag."""
    return f"{BASE}:{_hash([base_dockerfile('', recipe), base_files(recipe)])}"


def reference(packages: Iterable[str], recipe: Recipe, extra: Extra = NOTHING) -> str:
    """Name and tag of the image with these Debian packages, and what it has beside them.

    Of libraries only what pins them is known by then: it has their hashes.
    """
    text = machine_dockerfile(packages, recipe, extra)
    parts: list[object] = [text, _hashes(recipe.scripts), machine_files(packages, recipe)]
    pins = sorted([one.tool, one.path, _hashes(dict(one.files))] for one in extra.libraries)
    return f"{MACHINE}:{_hash([*parts, *([pins] if pins else [])])}"


def _hashes(files: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def tag(image: str) -> str:
    """The part of a reference after the colon: for ours, the hash of what is in it."""
    return image.rpartition(":")[2]


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, default=bytes.hex)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def sources(mirror: Mirror, suite: str) -> str:
    """The machine's own apt sources (sources.list(5), deb822)."""
    return "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {name}\nComponents: main\nSigned-By: {KEYRING}\n"
        for uri, name in ((mirror.main, suite), (mirror.security, f"{suite}-security"))
    )


def base_files(recipe: Recipe) -> dict[str, bytes]:
    """The base's own files by path, mirror apart."""
    excluded = "".join(f"path-exclude={pattern}\n" for pattern in EXCLUDED)
    included = "".join(f"path-include={pattern}\n" for pattern in INCLUDED)
    return {
        DPKG_CONFIG: f"# a lab's machines are small: no manuals\n{excluded}{included}".encode(),
        "etc/apt/apt.conf.d/90labctl": (
            b'APT::Install-Recommends "0";\nAcquire::Languages "none";\nAcquire::Retries "3";\n'
        ),
        "etc/profile.d/locale.sh": b"export LANG=C.UTF-8\n",  # for people, who edit pages
        # Installing a daemon does not start it: the machine's init does.
        "usr/sbin/policy-rc.d": b"#!/bin/sh\nexit 101\n",
    }


def base_dockerfile(root: str, recipe: Recipe) -> str:
    """The base: a Debian root file system ``root``, what all machines have, and how apt works."""
    return "\n".join(
        [
            f"FROM {root}",
            f"# Debian {recipe.suite}",
            "COPY files/ /",
            "RUN rm -f /etc/apt/sources.list \\",
            f" && {_install(BASE_PACKAGES)}",
            "",
        ]
    )


def machine_dockerfile(packages: Iterable[str], recipe: Recipe, extra: Extra = NOTHING) -> str:
    """One machine: its Debian packages, then libraries and labctl's scripts, which change more."""
    chosen = sorted(set(packages))
    files = ["COPY files/ /"] if machine_files(chosen, recipe) else []
    install = [f"RUN {_install(chosen)}"] if chosen else []
    return "\n".join(
        [
            *(_on(extra.root) if extra.root else [f"FROM {base_reference(recipe)}"]),
            *files,
            *install,
            *(["COPY libraries/ /"] if extra.libraries else []),
            f"RUN {_layout()}",
            "COPY scripts/ /usr/lib/labctl/",
            "STOPSIGNAL SIGTERM",
            'ENTRYPOINT ["/usr/lib/labctl/init"]',
            "",
        ]
    )


def _on(root: str) -> list[str]:
    """What makes a base of somebody else's image, where that is Debian's or made from it."""
    return [
        f"FROM {root}",
        "USER root",
        "WORKDIR /",
        "HEALTHCHECK NONE",
        "COPY base/ /",
        f"RUN {_install(BASE_PACKAGES)}",
    ]


def _layout() -> str:
    """The command that moves what is written to, when all packages are there."""
    moves = (
        f"mkdir -p {old} {new} && cp -a {old}/. {new}/ && rm -rf {old}"
        f" && ln -s {posixpath.relpath(new, posixpath.dirname(old))} {old}"
        for old, new in WRITTEN.items()
    )
    return " \\\n && ".join(moves)


def _install(packages: Iterable[str]) -> str:
    names = " ".join(packages)
    return (
        "export DEBIAN_FRONTEND=noninteractive \\\n"
        " && apt-get -qq update \\\n"
        f" && apt-get install -y --no-install-recommends {names} \\\n"
        f" && {CLEAN}"
    )


def machine_files(packages: Iterable[str], recipe: Recipe) -> dict[str, bytes]:
    """Files that must be there before the packages are: what to leave out, and what to find."""
    chosen = frozenset(packages)
    patterns = [
        pattern
        for trim in TRIMS
        if trim.package in chosen and not trim.unless & chosen
        for pattern in trim.excluded
    ]
    found = {p: data for one in sorted(chosen & BEFORE.keys()) for p, data in BEFORE[one].items()}
    if not patterns:
        return found
    lines = "".join(f"path-exclude={pattern}\n" for pattern in patterns)
    trim = f"# not needed in a lab\n{lines}".encode()
    return {f"{DPKG_CONFIG}-trim": trim, **found}


def base_context(root: str, recipe: Recipe, mirror: Mirror) -> bytes:
    """What the engine builds the base from, as a tar archive."""
    apt = {"etc/apt/sources.list.d/debian.sources": sources(mirror, recipe.suite).encode()}
    return _archive(base_dockerfile(root, recipe), {"files": base_files(recipe) | apt})


def machine_context(
    packages: Iterable[str],
    recipe: Recipe,
    extra: Extra = NOTHING,
    libraries: Mapping[str, bytes] | None = None,
    application: bytes = b"",
) -> bytes:
    """What the engine builds a machine's image from, as a tar archive.

    ``libraries`` are the files of ``extra``'s, by path; ``application`` starts what its root was
    made for.
    """
    chosen = frozenset(packages)
    own = {APPLICATION: application} if application else {}
    folders = {
        "base": base_files(recipe) if extra.root else {},
        "files": machine_files(chosen, recipe),
        "libraries": dict(libraries or {}),
        "scripts": {**recipe.scripts, **own},
    }
    return _archive(machine_dockerfile(chosen, recipe, extra), folders)


def _archive(dockerfile: str, folders: Mapping[str, Mapping[str, bytes]]) -> bytes:
    """A tar archive with the same bytes whenever its content is the same."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        _add(archive, "Dockerfile", dockerfile.encode())
        for folder, files in sorted(folders.items()):
            for path, content in sorted(files.items()):
                _add(archive, f"{folder}/{path}", content)
    return buffer.getvalue()


def _add(archive: tarfile.TarFile, path: str, content: bytes) -> None:
    member = tarfile.TarInfo(path)
    member.size = len(content)
    member.mode = 0o755 if content.startswith(b"#!") else 0o644
    archive.addfile(member, io.BytesIO(content))


def own_recipe() -> Recipe:
    """What all images of this labctl share."""
    scripts = {path.name: path.read_bytes() for path in sorted(machine_scripts().iterdir())}
    return Recipe(scripts)
