"""``labctl edge``."""

from __future__ import annotations

import argparse
import ipaddress

from labctl.cli import common


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="up | down | status")
    up = actions.add_parser("up", allow_abbrev=False, help="bring it up, or change its ports")
    for name, meaning in (("http", "HTTP (80)"), ("https", "HTTPS (443)"), ("ssh", "SSH (2222)")):
        up.add_argument(
            f"--{name}", type=common.port, metavar="PORT", help=f"the host's port for {meaning}"
        )
    up.add_argument(
        "--public",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="listen on all addresses of the host, not only on its loopback",
    )
    up.add_argument("--dns", type=_address, metavar="ADDRESS",
                    help="answer the names of all classes and labs in DNS, with and at this address"
                    " of the host (port 53); `none`: no more")  # fmt: skip
    up.add_argument("--dns-port", type=common.port, metavar="PORT",
                    help="the port to answer at (53)")  # fmt: skip
    down = actions.add_parser("down", allow_abbrev=False, help="take it down")
    down.add_argument(
        "--purge", action="store_true", help="forget the bastion's host key and users as well"
    )
    status = actions.add_parser("status", allow_abbrev=False, help="what it listens on and knows")
    for action in (up, down, status):
        common.json_argument(action)


def _address(text: str) -> str:
    """An address of the host as it is usually written; "" for ``none``."""
    if text == "none":
        return ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no IP address") from None
    if address.is_unspecified or address.is_multicast:
        raise argparse.ArgumentTypeError(f"{address} is no address that a name can have")
    return str(address)


def run(options: argparse.Namespace) -> int:
    """Do it, and say what there is now."""
    actions = {"up": _up, "down": _down, "status": _status}
    return actions[options.action](options)


def _up(options: argparse.Namespace) -> int:
    from labctl.cli.progress import Progress
    from labctl.work import edge

    chosen = edge.with_ports(
        options.http, options.https, options.ssh, options.public, options.dns, options.dns_port
    )
    with Progress(quiet=options.json) as progress:
        edge.up(chosen, progress)
    return _status(options)


def _down(options: argparse.Namespace) -> int:
    from labctl.cli.output import say_json
    from labctl.work import edge

    count = edge.down(options.purge)
    if options.json:
        say_json({"removed": count})
    else:
        print(f"the edge is down: {f'{count} machines' if count else 'it was not up'}")
    return 0


def _status(options: argparse.Namespace) -> int:
    """Status 0 where it is up and answers, else 1."""
    from labctl.cli.output import say_json
    from labctl.work import edge_status

    found = edge_status.look()
    if options.json:
        say_json(found.as_json())
    else:
        print("\n".join(found.lines()))
    return 0 if found.ready else 1
