"""A student who attacks: small programs on their machine, and the protections undone one by one."""

from __future__ import annotations

import contextlib
import secrets
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import docker

from tests.e2e.support.home import run

PATIENCE = "8"  # seconds for an attack: ARP gives up after three
# Each prints what it got, or why not. The arguments follow the program.
# TCP: all addresses and ports at a time, ADDRESS PORT ADDRESS PORT …
TCP = """
import socket, sys, threading
def one(address, port):
    try:
        with socket.create_connection((address, int(port)), 6) as connection:
            connection.sendall(b"GET / HTTP/1.0\\r\\n\\r\\n")
            said.append(f"got {connection.recv(60)} of {address}")
    except OSError as error:
        said.append(f"refused {error}")
said = []
pairs = list(zip(sys.argv[1::2], sys.argv[2::2]))
threads = [threading.Thread(target=one, args=pair) for pair in pairs]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print("; ".join(sorted(said)))
"""
RAW = """
import socket, sys
try:
    socket.socket(getattr(socket, sys.argv[1]), getattr(socket, sys.argv[2]), int(sys.argv[3]))
    print("got")
except OSError as error:
    print("refused", error)
"""
# Asks the engine's name server, whichever this container has, for an address (RFC 1035).
ASK = """
import socket, struct, sys
question = b"".join(bytes([len(p)]) + p.encode() for p in sys.argv[2].split(".")) + b"\\0"
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.settimeout(6)
one.sendto(struct.pack(">6H", 7, 256, 1, 0, 0, 0) + question + b"\\0\\1\\0\\1", (sys.argv[1], 53))
try:
    answer = one.recv(512)
    print("got" if struct.unpack(">H", answer[6:8])[0] else "refused", answer[3] & 15)
except OSError as error:
    print("refused", error)
"""
# Whose address answers on the network: the state of a neighbour after asking for it (proc(5)).
ARP = """
import socket, sys
one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
one.settimeout(4)
try:
    one.connect((sys.argv[1], 9))
except OSError:
    pass
rows = [line.split() for line in open("/proc/net/arp")]
known = [row for row in rows if row[0] == sys.argv[1] and int(row[2], 16) & 2]
print("got" if known else "refused", known)
"""


def attack(container: str, program: str, *arguments: str, user: str = "root") -> str:
    """Run a Python program on a machine; what it prints."""
    words = ["docker", "exec", "-i", "--user", user, container, "timeout", PATIENCE]
    ran = run([*words, "python3", "-", *arguments], input=program)
    return (ran.out or "refused " + ran.err).strip()


@contextlib.contextmanager
def bridge(ipv6: bool = False) -> Iterator[Any]:
    """A network as the engine makes them: the host has an address on it, neighbours meet."""
    client = docker.from_env()
    third = 240 + secrets.randbelow(14)
    pools = [docker.types.IPAMPool(subnet=f"198.19.{third}.0/28", gateway=f"198.19.{third}.14")]
    if ipv6:
        pools.append(docker.types.IPAMPool(subnet=f"fd4c:6162:{third:x}::/64"))
    network = client.networks.create(
        f"labctl-test-{secrets.token_hex(4)}",
        enable_ipv6=ipv6,
        ipam=docker.types.IPAMConfig(pool_configs=pools),
        options={"com.docker.network.bridge.enable_ip_masquerade": "false"},
    )
    try:
        yield network
    finally:
        network.remove()
        client.close()


@contextlib.contextmanager
def joined(network: Any, *containers: str) -> Iterator[list[str]]:
    """Containers on one more network; their addresses there, then that of the host."""
    for container in containers:
        network.connect(container)
    try:
        network.reload()
        found = {c["Name"]: c["IPv4Address"] for c in network.attrs["Containers"].values()}
        host = network.attrs["IPAM"]["Config"][0]["Gateway"]
        yield [*(found[name].partition("/")[0] for name in containers), host]
    finally:
        for container in containers:
            network.disconnect(container, force=True)


@contextlib.contextmanager
def listener() -> Iterator[int]:
    """A server on every address of this host, IPv4 and IPv6; its port."""
    server = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    connection.sendall(b"the host")

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield int(server.getsockname()[1])
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


@contextlib.contextmanager
def twin(
    container: str, *undone: str, network: str = "", program: Sequence[str] = ("sleep", "1000")
) -> Iterator[str]:
    """A container of the same image on the same network, or on another one; its name.

    ``undone`` are options of ``docker run`` that take a protection away.
    """
    client = docker.from_env()
    found = client.containers.get(container)
    (own,) = (n for n in found.attrs["NetworkSettings"]["Networks"] if "test" not in n)
    words = ["docker", "run", "--detach", "--cap-drop=ALL", f"--network={network or own}", *undone]
    ran = run([*words, f"--entrypoint={program[0]}", found.image.id, *program[1:]])
    assert ran.status == 0, ran.said
    made = client.containers.get(ran.out.strip())
    try:
        yield str(made.name)
    finally:
        made.remove(force=True, v=True)
        client.close()
