"""All labs that come with labctl, as their files say them: what there is to hold against standards.

Read and rendered, not started. How a front speaks TLS is its profile: labs whose fronts have the
same one need only one site of one of them looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from labctl.model import Lab, Site, party_domain
from tests.e2e.support.home import ROOT
from tests.e2e.support.lab import OwnLab
from tests.support import lab_at, tree_of

FOLDER = ROOT / "stacks"
STACKS = tuple(sorted(path.parent.name for path in FOLDER.glob("*/lab.yml")))
# what decides how TLS is spoken, in nginx and in Apache; not the certificate itself
_SPEAKS = re.compile(rb"(?m)^\s*(?:ssl_(?!certificate|session_cache)|SSL(?!Certificate)).*")
_CONFIGURATION = ("/etc/nginx/", "/etc/apache2/")


@cache
def placed(stack: str) -> Lab:
    """A stack on the platform that it names."""
    return lab_at(FOLDER / stack / "lab.yml")


def signed(stack: str) -> tuple[Site, ...]:
    """The sites that the lab's authority vouches for, and that a visitor reaches."""
    return tuple(site for site in placed(stack).sites if site.tls == "ca" and not site.inside)


def readable(stack: str) -> tuple[Site, ...]:
    """Those of them that show their pages to whoever asks."""
    return tuple(site for site in signed(stack) if site.open)


def host(site: Site, lab: OwnLab) -> str:
    """A site's name on the host, in a copy of its lab that has another name."""
    name = next(name for name in site.names if name.endswith(".localhost"))
    written = next(d for d in placed(lab.folder.name).localhosts if f".{name}".endswith(f".{d}"))
    return name.removesuffix(written) + party_domain(f"{lab.name}.localhost", site.party)


@dataclass(frozen=True, slots=True)
class Profile:
    """One way of speaking TLS: the first site that does, and the lines that say so."""

    stack: str
    site: Site
    lines: tuple[str, ...]


@cache
def profiles() -> tuple[Profile, ...]:
    """Each distinct way of speaking TLS, once."""
    found: dict[tuple[str, ...], Profile] = {}
    for stack in STACKS:
        for site in signed(stack):
            lines = _lines(stack, site)
            found.setdefault(lines, Profile(stack, site, lines))
    return tuple(found.values())


def _lines(stack: str, site: Site) -> tuple[str, ...]:
    machine = placed(stack).machine_of(site.front).name
    return tuple(dict.fromkeys(_speaks(trees(stack)[machine], site)))


def _speaks(files: Mapping[str, bytes], site: Site) -> Iterator[str]:
    """The lines about TLS in a front's main configuration and in the site's own file."""
    for path, data in sorted(files.items()):
        shared = "/sites-" not in path and "/snippets/" not in path
        if path.startswith(_CONFIGURATION) and (shared or Path(path).stem == site.name):
            yield from (line[0].decode().strip() for line in _SPEAKS.finditer(data))


@cache
def trees(stack: str) -> Mapping[str, Mapping[str, bytes]]:
    """The files of a stack's machines, with keys that are good for nothing."""
    tree = tree_of(placed(stack))
    return {
        name: {path: entry.content for path, entry in files.items()}
        for name, files in tree.machines.items()
    }
