"""What a student cannot reach from their sandbox. Each test has a control: the same attack with
exactly that protection undone, which succeeds.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from tests.e2e.support.classroom import Classroom
from tests.e2e.support.curl import curl
from tests.e2e.support.home import ROOT, Home, run
from tests.e2e.support.intruder import (
    ARP,
    ASK,
    RAW,
    TCP,
    attack,
    bridge,
    joined,
    listener,
    twin,
)
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e
METADATA = "169.254.169.254"  # where providers' machines find their secrets
SOCKET = "/var/run/docker.sock"
SERVER = ("python3", "-m", "http.server", "80")


def hello() -> dict[str, str]:
    """The files of a small lab with an application, for it brings Python."""
    folder = ROOT / "stacks" / "hello"
    files = (path for path in folder.rglob("*") if path.is_file() and "__" not in str(path))
    return {str(path.relative_to(folder)): path.read_text() for path in files}


@pytest.fixture(scope="module")
def room(home: Home) -> Iterator[Classroom]:
    """Two neighbours."""
    room = Classroom(home, hello(), ("eve", "bob"))
    try:
        for student in room.students:
            room.must("up", student)
        yield room
    finally:
        room.remove()


@pytest.fixture
def eve(room: Classroom) -> str:
    """The attacker's container."""
    return room.container("eve")


@pytest.fixture
def bob(room: Classroom) -> str:
    """Her neighbour's."""
    return room.container("bob")


def network_of(container: str) -> tuple[str, str]:
    """A machine's only address, and where it would send what is for elsewhere."""
    engine = docker.from_env()
    (found,) = engine.containers.get(container).attrs["NetworkSettings"]["Networks"].values()
    engine.close()
    return found["IPAddress"], found["Gateway"] or found["IPAMConfig"]["IPv4Address"]


def host_addresses() -> list[str]:
    """The host's own IPv4 addresses, loopback apart."""
    told = json.loads(run(["ip", "-json", "-4", "address"]).out)
    found = [one["local"] for link in told for one in link["addr_info"]]
    return [address for address in found if not address.startswith("127.")]


def default_route(container: str) -> str:
    """The address that a machine sends to what is for elsewhere, "" for none (proc_net(5))."""
    for line in run(["docker", "exec", container, "cat", "/proc/net/route"]).out.splitlines()[1:]:
        _, destination, gateway, *_ = line.split()
        if destination == "00000000":
            return ".".join(str(byte) for byte in bytes.fromhex(gateway)[::-1])
    return ""


def test_addresses_of_a_neighbour_are_not_reached(eve: str, bob: str) -> None:
    theirs, _ = network_of(bob)
    pairs = [word for port in ("80", "443", "53", "22") for word in (theirs, port)]
    assert attack(eve, TCP, *pairs).startswith("refused")
    with bridge() as network, joined(network, eve, bob) as (_, shared, _):
        assert attack(eve, TCP, shared, "80").startswith("got")


def test_neither_the_host_nor_what_is_published_on_it_is_reached(eve: str) -> None:
    nobody = default_route(eve)
    with listener() as port, bridge() as network, published(eve, network.name) as other:
        addresses = {*host_addresses(), nobody}
        pairs = [word for one in addresses for at in (port, other) for word in (one, str(at))]
        assert attack(eve, TCP, *pairs).startswith("refused")
        with joined(network, eve) as (_, host):
            assert attack(eve, TCP, host, str(port)).startswith("got b'the host'")
            assert attack(eve, TCP, host, str(other)).startswith("got")


@contextlib.contextmanager
def published(like: str, network: str) -> Iterator[int]:
    """A container with a port on every address of the host; that port."""
    with twin(like, "--publish=80", network=network, program=SERVER) as name:
        ends = json.loads(run(["docker", "inspect", name]).out)[0]["NetworkSettings"]["Ports"]
        port = int(ends["80/tcp"][0]["HostPort"])
        assert eventually(lambda: curl(f"http://127.0.0.1:{port}/").status == 200, 20)
        yield port


def test_what_is_for_elsewhere_has_nobody_to_take_it(eve: str) -> None:
    """Metadata of a provider included: no packet leaves the sandbox's own bridge."""
    nobody = default_route(eve)
    assert attack(eve, ARP, nobody).startswith("refused")
    assert "route" in attack(eve, TCP, METADATA, "80")
    with bridge() as network, joined(network, eve) as (_, host):
        assert attack(eve, ARP, host).startswith("got")


def test_names_of_neighbours_and_of_the_world_are_not_told(room: Classroom, eve: str) -> None:
    own = f"www.eve.{room.domain}"
    assert attack(eve, ASK, "127.0.0.11", own).startswith("got")
    for name in (f"www.bob.{room.domain}", room.container("bob"), "server", "www.example.com"):
        answer = attack(eve, ASK, "127.0.0.11", name)
        assert answer.startswith("refused" if name != "server" else "got"), name
    with bridge() as network, joined(network, eve, room.container("bob")):
        assert attack(eve, ASK, "127.0.0.11", room.container("bob")).startswith("got")


def test_the_engines_name_server_has_nobody_outside_to_ask(room: Classroom, eve: str) -> None:
    engine = docker.from_env()
    told = engine.containers.get(eve).attrs["HostConfig"]["Dns"]
    engine.close()
    mine, _ = network_of(eve)
    assert told == [mine]
    # with another one to ask, it asks that one
    with (
        bridge() as network,
        joined(network, eve, room.container("bob")) as (_, bobs, _),
        twin(eve, f"--dns={bobs}") as other,
    ):
        name = f"www.bob.{room.domain}"
        assert attack(other, ASK, "127.0.0.11", name).startswith("refused")
        with joined(network, other):
            assert attack(other, ASK, "127.0.0.11", name).startswith("got")


def near(network: str) -> list[str]:
    """The host's IPv6 addresses on the bridge of a network."""
    engine = docker.from_env()
    identity = engine.networks.get(network).id[:12]
    engine.close()
    told = json.loads(run(["ip", "-json", "-6", "address", "show", "dev", f"br-{identity}"]).out)
    return [one["local"] for link in told for one in link.get("addr_info", ())]


def test_there_is_no_ipv6_by_which_the_host_would_be_near(room: Classroom, eve: str) -> None:
    with listener() as port:
        mine = near(f"labctl-{room.lab('eve')}_routed-internet")
        pairs = [word for one in [*mine, "ff02::1"] for word in (f"{one}%eth0", str(port))]
        assert attack(eve, TCP, *pairs).startswith("refused")
        with bridge(ipv6=True) as network, joined(network, eve):
            ends = set(run(["docker", "exec", eve, "ls", "/sys/class/net"]).out.split())
            (link,) = ends - {"lo", "eth0"}
            pairs = [word for one in near(network.name) for word in (f"{one}%{link}", str(port))]
            assert attack(eve, TCP, *pairs).startswith("got b'the host'")


@pytest.mark.parametrize("kind", [("AF_INET", "SOCK_RAW", "1"), ("AF_PACKET", "SOCK_RAW", "0")])
def test_no_packet_is_forged(eve: str, kind: tuple[str, str, str]) -> None:
    assert attack(eve, RAW, *kind).startswith("refused")
    with twin(eve, "--cap-add=NET_RAW") as other:
        assert attack(other, RAW, *kind) == "got"


def test_there_is_no_way_to_the_engine(eve: str) -> None:
    look = f"import os; print('got' if os.path.exists('{SOCKET}') else 'refused')"
    assert attack(eve, look) == "refused"
    with twin(eve, f"--volume={SOCKET}:{SOCKET}:ro") as other:
        assert attack(other, look) == "got"


def test_only_its_own_disks_and_door_are_there(room: Classroom, eve: str) -> None:
    engine = docker.from_env()
    mounts = engine.containers.get(eve).attrs["Mounts"]
    engine.close()
    mine = room.lab("eve")
    assert all(mine in Path(one.get("Source") or one["Name"]).parts or mine in one.get("Name", "")
               for one in mounts), mounts  # fmt: skip
    assert sorted(one["Destination"] for one in mounts) == ["/etc", "/labctl", "/run/door", "/var"]
    look = f"import os; print([n for n in os.listdir('/run/door/..') if 'bob' in n], {room.name!r})"
    assert attack(eve, look) == f"[] {room.name}"


MKNOD = "import os, stat; os.mknod('/var/tmp/disk', stat.S_IFBLK | 0o600, os.makedev(7, 0))"


def test_no_device_of_a_neighbours_disk_can_be_made(eve: str) -> None:
    assert "not permitted" in attack(eve, MKNOD)
    with twin(eve, "--cap-add=MKNOD") as other:
        assert "not permitted" not in attack(other, MKNOD)


LEAKS = """
import os
found = [p for p in ("/proc/kcore", "/proc/timer_list", "/proc/keys", "/sys/firmware/acpi")
         if os.path.exists(p) and (os.path.isdir(p) or open(p, "rb").read(1))]
for path in ("/proc/sys/kernel/hostname", "/proc/sysrq-trigger"):
    try:
        open(path, "r+b").close()
        found.append(path)
    except OSError:
        pass
print(found)
"""


def test_the_kernels_own_files_are_shut(eve: str) -> None:
    assert attack(eve, LEAKS) == "[]"
    with twin(eve, "--security-opt=systempaths=unconfined") as other:
        assert "/proc/sys/kernel/hostname" in attack(other, LEAKS)


SETUID = """
import os, shutil, subprocess
path = os.environ.get("AT", "/var/tmp") + "/id"
shutil.copy("/usr/bin/id", path)
os.chmod(path, 0o4755)
as_user = lambda: os.setuid(33)
print(subprocess.run([path], preexec_fn=as_user, capture_output=True, text=True).stdout)
"""


def test_a_setuid_program_gives_nothing(eve: str) -> None:
    assert "euid=0" not in attack(eve, SETUID)
    with twin(eve, "--cap-add=SETUID", "--cap-add=SETGID") as other:
        assert "euid=0" in attack(other, SETUID)
