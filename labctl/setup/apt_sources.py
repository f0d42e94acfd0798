"""The Debian mirrors that a machine's own apt uses (sources.list(5), both formats)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MIRROR_VARIABLE = "HOSTING_LABCTL_DEBIAN_MIRROR"
ETC_APT = Path("/etc/apt")
_ONE_LINE = re.compile(r"^deb\s+(?:\[[^\]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s*(?P<parts>.*)$")


@dataclass(frozen=True)
class Source:
    """One archive, suite and its components."""

    uri: str
    suite: str
    components: tuple[str, ...]


@dataclass(frozen=True)
class Mirror:
    """Where Debian's packages and their security updates come from, as URLs."""

    main: str
    security: str


def parse_list(text: str) -> Iterator[Source]:
    """The ``deb`` lines of a file in the one-line format."""
    for line in text.splitlines():
        if found := _ONE_LINE.match(line.partition("#")[0].strip()):
            yield Source(found["uri"], found["suite"], tuple(found["parts"].split()))


def parse_deb822(text: str) -> Iterator[Source]:
    """The enabled ``deb`` stanzas of a file in deb822 format."""
    uncommented = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", uncommented):
        fields = _fields(stanza)
        if "deb" not in fields.get("types", ()) or fields.get("enabled") == ("no",):
            continue
        for uri in fields.get("uris", ()):
            for suite in fields.get("suites", ()):
                yield Source(uri, suite, fields.get("components", ()))


def _fields(stanza: str) -> dict[str, tuple[str, ...]]:
    unfolded = re.sub(r"\n[ \t]+", " ", stanza)
    pairs = (line.partition(":") for line in unfolded.splitlines() if ":" in line)
    return {name.strip().lower(): tuple(value.split()) for name, _, value in pairs}


def read(etc_apt: Path = ETC_APT) -> tuple[Source, ...]:
    """All archives that apt on this machine knows; unreadable files are left out."""
    parts = etc_apt / "sources.list.d"
    found: list[Source] = []
    for path in [etc_apt / "sources.list", *sorted(parts.glob("*.list"))]:
        found += parse_list(_text(path))
    for path in sorted(parts.glob("*.sources")):
        found += parse_deb822(_text(path))
    return tuple(found)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def debian_mirror(sources: Iterable[Source], codename: str, wish: str = "") -> Mirror | None:
    """The Debian mirror of a machine that runs the Debian release ``codename``.

    ``wish`` is the value of HOSTING_LABCTL_DEBIAN_MIRROR: one URL, or two, the second one
    for the security archive. Archives of others are no mirror of Debian, they have other
    suites. None where there is none, as on Ubuntu.
    """
    if wish.split():
        main, *rest = wish.split()
        return Mirror(_url(main), _url(rest[0] if rest else security_beside(main)))
    mains = _serving(sources, codename)
    if not codename or not mains:
        return None
    securities = _serving(sources, f"{codename}-security")
    return Mirror(mains[0], securities[0] if securities else security_beside(mains[0]))


def _serving(sources: Iterable[Source], suite: str) -> list[str]:
    return [
        _url(source.uri)
        for source in sources
        if source.suite == suite
        and "main" in source.components
        and source.uri.startswith(("http://", "https://"))
    ]


def _url(uri: str) -> str:
    return uri.rstrip("/")


def security_beside(main: str) -> str:
    """Where mirrors keep the security archive: ``…/debian-security`` beside ``…/debian``."""
    return f"{_url(main)}-security"
