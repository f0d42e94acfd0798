"""``labctl vps``: the provider's side of virtual servers."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from labctl.cli import common
from labctl.spec.fields import Cpus, Disk, Integer, Memory, Name, Package, Rate, Type, Wrong

if TYPE_CHECKING:
    from labctl.engines.compose import Engine
    from labctl.work.bring import Planned
    from labctl.work.provider import Seen


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, said: str, server: str = "MACHINE") -> argparse.ArgumentParser:
        found = actions.add_parser(name, allow_abbrev=False, help=said)
        found.add_argument("lab", metavar="LAB", help="name of a lab that is up")
        if server:
            found.add_argument("server", metavar=server, type=_of(Name()), help="which server")
        return found

    common.json_argument(action("list", "list the servers, their limits and what they use", ""))
    create = action("create", "make an empty server", "NAME")
    _limits(create, ("memory", "cpus", "processes", "disk", "bandwidth"))
    create.add_argument(
        "--packages", type=_packages, default=(), metavar="A,B", help="Debian packages on it"
    )
    _limits(
        action("resize", "change a server's limits while it runs"),
        ("memory", "cpus", "processes", "bandwidth"),
    )
    action("destroy", "remove a server that was created here, with its data")
    action("reboot", "start a server anew and wait until it answers")
    action("console", "open a shell on a server, also where its network does not work")
    snapshot = action("snapshot", "keep a server's file system and data as they are now")
    snapshot.add_argument("name", nargs="?", default="", type=_of(Name()), help="the time")
    what = snapshot.add_mutually_exclusive_group()
    what.add_argument("--list", action="store_true", help="list the server's snapshots")
    what.add_argument("--delete", metavar="NAME", type=_of(Name()), help="remove this one")
    common.json_argument(snapshot)
    restore = action("restore", "make a server what it was when a snapshot was taken")
    restore.add_argument("name", metavar="NAME", type=_of(Name()), help="which snapshot")


_LIMITS: dict[str, tuple[Type, str]] = {
    "memory": (Memory(), "memory, for example 512M"),
    "cpus": (Cpus(), "processors, for example 0.5"),
    "processes": (Integer(8, 10_000), "how many processes may run"),
    "disk": (Disk(), "disk for data, in /srv, for example 64M"),
    "bandwidth": (Rate(), "bits per second in each direction, for example 10M"),
}


def _limits(parser: argparse.ArgumentParser, names: tuple[str, ...]) -> None:
    for name in names:
        kind, said = _LIMITS[name]
        parser.add_argument(f"--{name}", type=_of(kind), metavar=name.upper(), help=said)


def _of(kind: Type) -> Callable[[str], Any]:
    """Reads an argument as a field of a lab file would be."""

    def read(text: str) -> Any:
        try:
            return kind.read(text) if text else text
        except Wrong as wrong:
            hint = f" ({wrong.hint})" if wrong.hint else ""
            raise argparse.ArgumentTypeError(f"{wrong.message}{hint}") from None

    return read


def _packages(text: str) -> tuple[str, ...]:
    return tuple(_of(Package())(word) for word in text.split(",") if word)


def run(options: argparse.Namespace) -> int:
    """Do what the provider was asked for."""
    return _ACTIONS[options.action](options)


def _list(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from labctl.cli.output import say_json, table
    from labctl.work.provider import servers

    found = servers(options.lab)
    if options.json:
        say_json([asdict(server) for server in found])
        return 0
    heads = ("SERVER", "ADDRESS", "VCPU", "MEMORY", "PROCESSES", "DISK", "BANDWIDTH", "STATE")
    print(table(map(_row, found), heads))
    return 0


def _row(server: Seen) -> tuple[str, ...]:
    from labctl.amounts import rate, size

    return (
        server.name,
        server.address,
        f"{server.cpus:g}",
        f"{size(server.memory_used)} of {size(server.memory)}",
        f"{server.processes_used} of {server.processes}",
        size(server.disk_used) + (f" of {size(server.disk)}" if server.disk else ""),
        rate(server.bandwidth) if server.bandwidth else "-",
        server.state,
    )


def _create(options: argparse.Namespace) -> int:
    from labctl.cli.progress import Progress
    from labctl.platforms.book import SERVER, Server, resized
    from labctl.work.provider import create

    server = Server(options.packages, resized(SERVER, _said(options)))
    with Progress() as progress:
        made = create(options.lab, options.server, server, progress, _warn)
    print(f"{made.name} is up at {made.address} ({made.host_name}), and empty")
    print(f"`labctl vps console {options.lab} {made.name}` opens a shell on it")
    return 0


def _resize(options: argparse.Namespace) -> int:
    from labctl.cli.progress import Progress
    from labctl.errors import UsageError
    from labctl.work.provider import resize

    if not (sizes := _said(options)):
        raise UsageError("no new size", "say one, for example --memory 512M")
    with Progress() as progress:
        resize(options.lab, options.server, sizes, progress, _warn)
    return _list(argparse.Namespace(lab=options.lab, json=False))


def _said(options: argparse.Namespace) -> dict[str, Any]:
    """The limits that the command line says."""
    given = {name: getattr(options, name, None) for name in _LIMITS}
    return {name: value for name, value in given.items() if value is not None}


def _warn(planned: Planned, engine: Engine) -> None:
    from labctl.cli.differences import show_conflicts

    show_conflicts(planned, engine)


def _destroy(options: argparse.Namespace) -> int:
    from labctl.cli.progress import Progress
    from labctl.work.provider import destroy

    with Progress() as progress:
        destroy(options.lab, options.server, progress, _warn)
    print(f"{options.server} is gone, with its data and its snapshots")
    return 0


def _reboot(options: argparse.Namespace) -> int:
    from labctl.cli.progress import Progress
    from labctl.work.provider import reboot

    with Progress() as progress:
        reboot(options.lab, options.server, progress)
    return 0


def _console(options: argparse.Namespace) -> int:
    from labctl.engines.compose import Engine, attach
    from labctl.work.provider import session_of

    session = session_of(options.lab)
    container = common.container_of(Engine(), session.name, options.server)
    return attach(container, ["bash", "-l"], "root", terminal=sys.stdin.isatty())


def _snapshot(options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from labctl.cli.output import say_json, table
    from labctl.work import provider

    if options.delete:
        provider.delete_snapshot(options.lab, options.server, options.delete)
        print(f"the snapshot '{options.delete}' of {options.server} is gone")
        return 0
    if not options.list:
        taken = provider.snapshot(options.lab, options.server, options.name)
        print(f"the snapshot '{taken.name}' holds {options.server} as it is now")
        return 0
    found = provider.snapshots(options.lab, options.server)
    if options.json:
        say_json([asdict(one) for one in found])
    else:
        print(table([(s.name, s.time) for s in found], ("SNAPSHOT", "TAKEN")))
    return 0


def _restore(options: argparse.Namespace) -> int:
    from labctl.cli.progress import Progress
    from labctl.work.provider import restore

    with Progress() as progress:
        taken = restore(options.lab, options.server, options.name, progress, _warn)
    print(f"{options.server} is as it was at {taken.time}")
    return 0


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": _list,
    "create": _create,
    "resize": _resize,
    "destroy": _destroy,
    "reboot": _reboot,
    "console": _console,
    "snapshot": _snapshot,
    "restore": _restore,
}
