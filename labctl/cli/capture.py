"""``labctl capture``."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from labctl.cli import common

if TYPE_CHECKING:
    from labctl.work.capturing import Order

_FORM = "[LAB] [MACHINE|NETWORK] [--filter EXPRESSION] [--out FILE | --live] [--decrypt]"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    common.words_argument(parser, _FORM, "a machine, or a whole network; the Internet")
    parser.add_argument(
        "--filter", default="", metavar="EXPRESSION", help="which packets, as pcap-filter(7) has it"
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--out", default="", metavar="FILE", help="file for Wireshark (LAB-WHERE)")
    where.add_argument("--live", action="store_true", help="print the packets as text instead")
    parser.add_argument(
        "--seconds", type=_seconds, default=3600, metavar="N", help="stop after N seconds (3600)"
    )
    parser.add_argument("--count", type=_count, default=0, metavar="N", help="stop after N packets")
    parser.add_argument(
        "--decrypt",
        action="store_true",
        help="put the TLS keys that machines of the lab have logged into the file",
    )


def run(options: argparse.Namespace) -> int:
    """Capture until there is enough, Ctrl-C or TERM."""
    from pathlib import Path

    from labctl.errors import LabctlError
    from labctl.work import capturing

    if options.live and options.decrypt:
        raise LabctlError(
            "--live shows what is on the wire; it decrypts nothing",
            "`--decrypt` writes a file, which tshark and Wireshark read",
            status=2,
        )
    common.in_a_folder(Path(options.out) if options.out else None)
    order = _order(options)
    if options.live:
        told = capturing.live(order, lambda line: print(line, flush=True), _tell)
    else:
        ending = "pcapng" if order.decrypt else "pcap"
        path = Path(options.out or f"{order.lab}-{order.where or 'internet'}.{ending}")
        told = capturing.to_file(order, path, fresh=not options.out, say=_tell)
    print(told, file=sys.stderr)
    return 0


def _order(options: argparse.Namespace) -> Order:
    from labctl.work.capturing import Order
    from labctl.work.which import lab_and_rest

    lab, rest = lab_and_rest(options.words)
    where = common.at_most_one(rest) or ""
    return Order(lab, where, options.filter, options.seconds, options.count, options.decrypt)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _seconds(text: str) -> int:
    return _whole(text, 3600)


def _count(text: str) -> int:
    return _whole(text, 10**9)


def _whole(text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"a whole number from 1 to {most} is expected")
    return int(text)
