"""Rendering: a placed lab and what it keeps become files. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from labctl import apache, kinds, on_demand, shared, ssh, webserver
from labctl.model import Daemon, File, Kept, Lab, Machine, Template
from labctl.render import compose
from labctl.render.tree import Entry, Files, Tree

DAEMONS = "/etc/labctl/daemons"


def render(lab: Lab, kept: Kept, images: compose.Images, state: str) -> Tree:
    """All files of a lab.

    ``images`` names each machine's image, ``state`` is the directory on the host
    that holds each machine's archive.
    """
    machines = {name: machine_files(machine, lab, kept) for name, machine in lab.machines.items()}
    return Tree(machines, compose.render(lab, images, state))


def machine_files(machine: Machine, lab: Lab, kept: Kept) -> Files:
    """The files of one machine by absolute path."""
    found: dict[str, Entry] = {}
    for file in _files(machine, lab, kept):
        if file.path in found:
            raise ValueError(f"{machine.name}: {file.path} is rendered twice")
        found[file.path] = _entry(file)
    return found


def _files(machine: Machine, lab: Lab, kept: Kept) -> Iterable[File]:
    if machine.resolver:  # one without stands outside of every lab
        yield from _base(lab, kept)
        resolver = lab.address_of(machine.resolver)
        yield File("/etc/labctl/resolv.conf", _resolv_conf([resolver], lab.domain))
    for daemon in machine.daemons:
        yield from _daemon(daemon)
    yield File("/etc/labctl/probes", "".join(map(_probe, machine.daemons)).encode())
    yield from webserver.files(machine, lab)
    yield from apache.files(machine, lab)
    yield from ssh.files(machine, lab, kept)
    yield from shared.files(machine, lab, kept)
    for name in machine.services:
        service = lab.services[name]
        yield from kinds.load(service.kind).files(service, lab, kept)


def _base(lab: Lab, kept: Kept) -> Iterable[File]:
    """What every machine has: the lab's root certificate as its only trusted authority."""
    root = kept.root.encode()
    yield File(f"/usr/local/share/ca-certificates/{lab.name}.crt", root, source="labctl ca")
    for bundle in ("/etc/ssl/certs/ca-certificates.crt", "/usr/lib/ssl/cert.pem"):
        yield File(bundle, root, source="labctl ca")


def _resolv_conf(servers: Iterable[str], domain: str) -> bytes:
    """What a machine's /etc/resolv.conf says: the lab's resolver, and trust in its AD bit."""
    lines = [f"nameserver {server}" for server in servers]
    lines += [f"search {domain}", "options edns0 trust-ad timeout:2 attempts:2", ""]
    return "\n".join(lines).encode()


def _entry(file: File) -> Entry:
    from labctl.render import templates  # brings Jinja, which takes a while to import

    content = file.content
    if isinstance(content, Template):
        content = templates.text(content).encode()
    return Entry(content, file.mode, file.owner, file.group, file.source or "labctl")


def _daemon(daemon: Daemon) -> Iterable[File]:
    """The daemon as s6 keeps it running, and the commands that test and reload it."""
    home = f"{DAEMONS}/{daemon.name}"
    run = [*_as_user(daemon, home), *daemon.run]
    prepare = [shlex.join(command) for command in daemon.prepare]
    prepare += on_demand.beside(daemon)
    lines = ["#!/bin/sh", "exec 2>&1", "set -e", f"cd {shlex.quote(daemon.directory)}"]
    yield _script(f"{home}/run", [*lines, *prepare, "exec " + shlex.join(run)])
    # what a dead daemon leaves behind (nginx's workers) would keep its port
    yield _script(f"{home}/finish", ["#!/bin/sh", 'kill -s KILL -- "-$4" 2>/dev/null', "exit 0"])
    if daemon.stop_signal != "TERM":
        yield File(f"{home}/down-signal", f"SIG{daemon.stop_signal}\n".encode())
    if daemon.on_demand:
        yield File(f"{home}/down", b"")
    for name, value in daemon.environment.items():
        yield File(f"{home}/env/{name}", f"{value}".encode(), mode=0o600)
    if daemon.test:
        test = [*_as_user(daemon, home), *daemon.test]
        yield _script(f"{home}/test", [*lines[:1], lines[3], "exec " + shlex.join(test)])
    if daemon.reload:
        yield _script(f"{home}/reload", ["#!/bin/sh", "exec " + shlex.join(daemon.reload)])


def _as_user(daemon: Daemon, home: str) -> list[str]:
    words = ["s6-setuidgid", daemon.user] if daemon.user != "root" else []
    return [*(["s6-envdir", "-fn", f"{home}/env"] if daemon.environment else []), *words]


def _script(path: str, lines: list[str]) -> File:
    return File(path, ("\n".join(lines) + "\n").encode(), mode=0o755)


def _probe(daemon: Daemon) -> str:
    probe = daemon.ready
    if probe is None:
        return ""
    fields = (daemon.name, probe.transport, str(probe.address), probe.send.hex(), probe.expect)
    return "\t".join(fields) + "\n"
