"""``labctl ca``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from labctl.cli import common
from labctl.trust import STORES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from labctl.work.root_certificate import Description, Trusted


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    show = actions.add_parser("show", allow_abbrev=False, help="say what the root certificate is")
    _lab(show)
    common.json_argument(show)
    export = actions.add_parser(
        "export", allow_abbrev=False, help="write the root certificate (PEM) to standard output"
    )
    _lab(export)
    sign = actions.add_parser(
        "sign", allow_abbrev=False, help="sign a certificate request for names of the lab"
    )
    _lab(sign)
    sign.add_argument("request", metavar="FILE", help="the request in PEM; - is standard input")
    revoke = actions.add_parser(
        "revoke", allow_abbrev=False, help="put a certificate of the lab on its revocation list"
    )
    _lab(revoke)
    revoke.add_argument("certificate", metavar="FILE", help="it in PEM; - is standard input")
    trust = actions.add_parser(
        "trust", allow_abbrev=False, help="have this computer's programs trust the lab's CA"
    )
    _lab(trust)
    trust.add_argument("--store", action="append", default=[], choices=list(STORES),
                       help="this store only (all that this computer has)")  # fmt: skip
    what = trust.add_mutually_exclusive_group()
    what.add_argument("--remove", action="store_true", help="trust it no longer")
    what.add_argument("--show", action="store_true", help="only say where it is trusted")
    common.json_argument(trust)


def _lab(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("lab", metavar="LAB", nargs="?", default="",
                        help="whose (the only one that has been up)")  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Show, export, sign, revoke or trust; 1 where a store refused."""
    actions = {"show": _show, "export": _export, "sign": _sign, "revoke": _revoke, "trust": _trust}
    return actions[options.action](options)


def _show(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from labctl.cli.output import say_json
    from labctl.work import root_certificate

    root = root_certificate.root_of(options.lab)
    described, stores = root_certificate.describe(root), root_certificate.where(root)
    if options.json:
        say_json({**asdict(described), "stores": [asdict(store) for store in stores]})
    else:
        print(_described(described) + "\n\n" + _table(stores))
    return 0


def _export(options: argparse.Namespace) -> int:
    from labctl.work.root_certificate import root_of

    print(root_of(options.lab).pem.strip())
    return 0


def _sign(options: argparse.Namespace) -> int:
    from labctl.work.root_certificate import root_of
    from labctl.work.signing import sign

    request = _read(options.request)
    print(sign(root_of(options.lab).lab, request).strip())
    return 0


def _revoke(options: argparse.Namespace) -> int:
    import sys

    from labctl.keep import lab_home, revoke
    from labctl.work.root_certificate import root_of

    certificate = _read(options.certificate)
    lab = root_of(options.lab).lab
    print(f"revoked: {revoke(lab_home(lab), certificate)}")
    print(f"`labctl up {lab}` brings the new list to its servers", file=sys.stderr)
    return 0


def _read(path: str) -> bytes:
    """A file of PEM, or standard input."""
    import sys
    from pathlib import Path

    from labctl.work.signing import MAX_BYTES

    with sys.stdin.buffer if path == "-" else Path(path).open("rb") as file:
        return file.read(MAX_BYTES + 1)


def _trust(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from labctl.cli.output import say_json
    from labctl.work import root_certificate

    root = root_certificate.root_of(options.lab)
    if options.show:
        stores = root_certificate.where(root, options.store)
    else:
        stores = root_certificate.trust(root, options.store, remove=options.remove)
    if options.json:
        say_json({"lab": root.lab, "stores": [asdict(store) for store in stores]})
    else:
        print(_table(stores))
    return 1 if any(store.trouble for store in stores) else 0


def _described(described: Description) -> str:
    from labctl.cli.output import table

    rows = [
        ("subject", described.subject),
        ("SHA-256", described.fingerprint),
        ("valid", f"{described.begin} to {described.end}"),
        ("signs for", ", ".join(described.permitted)),
        ("never for", ", ".join(described.excluded)),
        ("constraints", "critical" if described.critical else "not critical"),
    ]
    return table(rows)


def _table(stores: Iterable[Trusted]) -> str:
    from labctl.cli.output import paint, table

    found = tuple(stores)
    text = table([_row(store) for store in found], ("STORE", "NAME", "STATE", ""))
    troubles = [
        paint(store.trouble, "red") + (f"\nhint: {store.hint}" if store.hint else "")
        for store in found
        if store.trouble
    ]
    return "\n\n".join([text, *troubles])


def _row(store: Trusted) -> tuple[str, str, str, str]:
    said = f"changed: {', '.join(store.changed)}" if store.changed else store.note
    return store.store, store.title, store.status, said or ", ".join(store.places)
