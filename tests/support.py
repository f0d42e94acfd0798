"""What several tests share: a lab made of a text, and the fixed things that it keeps."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from pathlib import Path

from labctl.expand import expand
from labctl.expanded import Expanded
from labctl.model import Kept, Key, Lab, Leaf, Machine, PlatformName, Want
from labctl.picture.paper import placed
from labctl.render import render
from labctl.render.tree import Tree
from labctl.spec.lab import load, read
from labctl.work.session import wants

SUBNET = "198.18.0.0/24"
STATE = "/srv/labs/.labctl"
SERIAL = 2026010100


def expanded_from(text: str | bytes, folder: Path = Path("/nonexistent")) -> Expanded:
    """A lab file's text, read and expanded; InvalidLab with its problems."""
    data = text.encode() if isinstance(text, str) else text
    return expand(*read(data, "lab.yml", folder))


def lab_from(text: str | bytes, folder: Path = Path("/nonexistent")) -> Lab:
    """A lab file's text as a placed lab, in the fixed subnet unless it says another."""
    return placed(expanded_from(text, folder))


def lab_at(path: Path, platform: PlatformName | None = None) -> Lab:
    """A lab file as a placed lab."""
    return placed(expand(*load(path), platform))


def tree_of(lab: Lab) -> Tree:
    """A lab's files with fixed keys, image names and state directory."""
    return render(lab, kept_for(wants(lab)), image, f"{STATE}/{lab.name}")


def image(machine: Machine) -> str:
    """An image's name that says what is in it."""
    extra = [one.path.rpartition("/")[2] + "-" + one.tool for one in machine.extra.libraries]
    parts = [*sorted(machine.packages), *sorted(extra), *filter(None, [machine.extra.root])]
    return "lab/" + ("-".join(parts) or "base")


def kept_for(wanted: Iterable[Want]) -> Kept:
    """Certificates, keys and secrets that are always the same and good for nothing."""
    found = tuple(wanted)
    return Kept(
        root=_pem("CERTIFICATE", "root"),
        certificates={
            want.name: Leaf(_pem("CERTIFICATE", want.name), _pem("PRIVATE KEY", want.name))
            for want in found
            if want.kind == "certificate"
        },
        keys={want.name: _key(want.name) for want in found if want.kind.endswith("-key")},
        secrets={
            want.name: f"secret-of-{want.name}"
            for want in found
            if want.kind in ("password", "token")
        },
        serial=SERIAL,
        crl=_pem("X509 CRL", "revoked"),
    )


def _key(name: str) -> Key:
    return Key(_pem("PRIVATE KEY", name), _base64(name, 64), _base64(name, 32))


def _pem(what: str, name: str) -> str:
    return f"-----BEGIN {what}-----\n{_base64(name, 32)}\n-----END {what}-----\n"


def _base64(name: str, octets: int) -> str:
    return base64.b64encode(hashlib.sha512(name.encode()).digest()[:octets]).decode()
