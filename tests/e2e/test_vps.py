"""The provider's side of virtual servers: orders, hard limits, snapshots, isolation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from labctl.engines import disks
from tests.e2e.conftest import Labs
from tests.e2e.support.home import Home, Ran, run
from tests.e2e.support.lab import OwnLab
from tests.e2e.support.load import Load
from tests.e2e.support.wait import eventually

pytestmark = pytest.mark.e2e

MIB = 2**20
LAB = """
lab: hello
services:
  www: static
  app: {{kind: wsgi, disk: 32M, memory: {memory}}}
sites: {{www: www, app: app}}
"""
DATA = "/var/opt/app"
RATE = 16  # Mbit/s

# sends as many bytes as it is asked for; or, asked for less than none, takes them all
SERVER = """
import socket
server = socket.create_server(("0.0.0.0", 9000))
while True:
    visitor, _ = server.accept()
    stream = visitor.makefile("rwb")
    size = int(stream.readline())
    stream.write(bytes(size) if size > 0 else stream.read(-size)[:1])
    stream.close()
    visitor.close()
"""
CLIENT = """
import socket, sys, time
host, size = sys.argv[1], int(sys.argv[2])
server = socket.create_connection((host, 9000), 20)
start = time.monotonic()
server.sendall(f"{size}\\n".encode() + bytes(max(0, -size)))
left = max(size, 1)
while left > 0:
    part = len(server.recv(65536))
    left -= part or sys.exit("cut off")
print(abs(size) * 8 / (time.monotonic() - start) / 1e6)
"""


@pytest.fixture(scope="module")
def lab(own: Labs) -> OwnLab:
    made = own("hello")
    made.write("lab.yml", LAB.format(memory="256M"))
    made.must("up")
    return made


@pytest.fixture(scope="module")
def root(lab: OwnLab) -> Path:
    return lab.authority()


def vps(lab: OwnLab, action: str, *words: str) -> Ran:
    """An order that is carried out."""
    ran = lab.home.labctl("vps", action, lab.name, *words)
    assert ran.status == 0, f"labctl vps {action} {' '.join(words)}: {ran.said}"
    return ran


def refused(lab: OwnLab, action: str, *words: str) -> str:
    """What labctl says to an order that it does not take."""
    ran = lab.home.labctl("vps", action, lab.name, *words)
    assert ran.status != 0
    assert "Traceback" not in ran.err
    assert "hint:" in ran.err
    return ran.err


def limits(lab: OwnLab, machine: str) -> tuple[int, float, int]:
    """What the engine holds a container to."""
    host = lab.inspect(machine)["HostConfig"]
    return host["Memory"] // MIB, host["NanoCpus"] / 1e9, host["PidsLimit"]


def failed_checks(lab: OwnLab) -> set[str]:
    """The names of the provider's checks that do not hold."""
    ran = lab.labctl("check", "--service", "vps", "--json")
    return {check["check"] for check in ran.json if not check["passed"]}


def test_the_list_says_what_each_server_may_use_and_uses(lab: OwnLab) -> None:
    listed = {server["name"]: server for server in json.loads(vps(lab, "list", "--json").out)}
    assert set(listed) == {"www", "app", "client", "dns", "front", "resolver"}
    app = listed["app"]
    assert (app["memory"], app["cpus"], app["disk"]) == (256 * MIB, 1.0, 32 * MIB)
    assert 0 < app["memory_used"] < app["memory"]
    assert 0 < app["processes_used"] < app["processes"]
    assert app["state"] == "running"
    assert app["address"] in vps(lab, "list").out


def test_a_server_is_resized_while_it_serves(lab: OwnLab, root: Path) -> None:
    before = lab.started()
    with Load(lab, root, "app") as load:
        vps(lab, "resize", "app", "--memory", "400M", "--cpus", "0.75", "--processes", "150")
        load.some_more()
        assert limits(lab, "app") == (400, 0.75, 150)
        plan = lab.plan("--json")
        assert (plan.status, plan.json["changes"]) == (0, [])
        lab.must("up")
        vps(lab, "resize", "app", "--memory", "300M")
    assert load.failures == {}
    assert limits(lab, "app") == (300, 0.75, 150)
    assert lab.started() == before
    assert failed_checks(lab) == set()


def test_the_lab_file_resizes_too_and_has_the_last_word(lab: OwnLab) -> None:
    before = lab.started()
    lab.write("lab.yml", LAB.format(memory="320M"))
    (change,) = lab.plan("--json").json["changes"]
    assert (change["action"], change["reason"]) == ("resize", "memory 300M → 320M")
    lab.must("up")
    assert limits(lab, "app") == (320, 0.75, 150)
    assert lab.plan().status == 0
    assert lab.started() == before


def test_a_server_that_was_resized_is_started_as_it_is(lab: OwnLab) -> None:
    vps(lab, "resize", "app", "--memory", "340M")
    before = lab.inspect("app")["Id"]
    lab.client.containers.get(lab.container("app")).stop(timeout=5)
    (change,) = lab.plan("--json").json["changes"]
    assert change["action"] == "start"
    lab.must("up")
    assert lab.inspect("app")["Id"] == before
    assert limits(lab, "app") == (340, 0.75, 150)


def test_less_memory_than_it_uses_is_refused(lab: OwnLab) -> None:
    before = limits(lab, "app")
    assert "of its memory are in use" in refused(lab, "resize", "app", "--memory", "16M")
    assert limits(lab, "app") == before
    assert lab.plan().status == 0


def test_bandwidth_is_bounded_in_both_directions(lab: OwnLab) -> None:
    address = json.loads(vps(lab, "list", "--json").out)[1]["address"]
    start = ["docker", "exec", "--detach", lab.container("app"), "python3", "-c", SERVER]
    assert run(start).status == 0

    def speed(size: int) -> float:
        return float(lab.output("client", "python3", "-c", CLIENT, address, str(size)))

    eventually(lambda: lab.exec("client", "python3", "-c", CLIENT, address, "9").status == 0)
    free = speed(8 * MIB)
    vps(lab, "resize", "app", "--bandwidth", f"{RATE}M")
    for size in (4 * MIB, -4 * MIB):
        speeds = [speed(size) for _ in range(2)]  # a busy machine may hold one of them up
        assert 0.7 * RATE < max(speeds) < 1.3 * RATE < free
    # nobody on the server can undo it
    assert lab.exec("app", "python3", "-c", "import socket; socket.socket(17, 3)").status != 0
    lab.client.containers.get(lab.container("app")).restart(timeout=5)
    eventually(lambda: lab.plan().status == 3)  # while it starts it says nothing of itself
    (change,) = lab.plan("--json").json["changes"]
    assert change["reason"] == "bandwidth without limit → 16 Mbit/s"
    lab.must("up")
    assert lab.plan().status == 0


def test_a_disk_holds_no_more_than_its_size(lab: OwnLab) -> None:
    user = ("s6-setuidgid", "www-data")
    ran = lab.exec("app", *user, "fallocate", "-l", "40M", f"{DATA}/much")
    assert "No space left" in ran.err
    lab.output("app", *user, "rm", f"{DATA}/much")
    assert lab.exec("app", *user, "fallocate", "-l", "8M", f"{DATA}/some").status == 0
    lab.output("app", *user, "rm", f"{DATA}/some")


def test_a_disk_is_there_again_after_a_reboot_of_the_host(lab: OwnLab) -> None:
    lab.output("app", "s6-setuidgid", "www-data", "touch", f"{DATA}/kept")
    lab.client.containers.get(lab.container("app")).stop(timeout=5)
    disks.detach(lab.name)  # as a reboot would
    lab.must("up")
    assert "kept" in lab.output("app", "ls", DATA)
    assert failed_checks(lab) == set()


def test_a_disk_does_not_shrink_and_nothing_is_touched(lab: OwnLab) -> None:
    before = lab.started()
    text = (lab.folder / "lab.yml").read_text()
    lab.replace("lab.yml", "disk: 32M", "disk: 16M")
    ran = lab.up()
    lab.write("lab.yml", text)
    assert ran.status == 1
    assert "app has a disk of 32M, which cannot shrink" in ran.err
    assert lab.started() == before


def test_a_server_is_made_used_and_destroyed(lab: OwnLab) -> None:
    before = lab.started()
    made = vps(lab, "create", "shop", "--memory", "64M", "--processes", "40", "--disk", "16M")
    assert f"shop.hosts.{lab.domain}" in made.out
    assert limits(lab, "shop") == (64, 0.5, 40)
    seen = lab.home.labctl("vps", "console", lab.name, "shop")
    assert seen.status == 0
    address = lab.output("client", "dig", "+short", f"shop.hosts.{lab.domain}").strip()
    assert address in made.out
    logged_in = lab.home.labctl("ssh", lab.name, "shop", "--", "hostname")
    assert (logged_in.status, logged_in.out.strip()) == (0, f"shop.hosts.{lab.domain}")
    lab.must("up")
    assert lab.started().keys() - before.keys() == {lab.container("shop")}
    assert "shop" in refused(lab, "create", "shop")
    assert "lab file" in refused(lab, "destroy", "app")
    vps(lab, "destroy", "shop")
    assert lab.started() == before
    assert not lab.client.volumes.list(filters={"name": f"{lab.name}_shop"})


def test_a_reboot_waits_until_the_server_answers(lab: OwnLab) -> None:
    before = lab.started()[lab.container("www")]
    vps(lab, "reboot", "www")
    after = lab.started()[lab.container("www")]
    assert (after[0], after[1] > before[1]) == (before[0], True)
    assert lab.must("status").status == 0


def test_a_restored_server_is_what_it_was(lab: OwnLab) -> None:
    def change(word: str) -> None:
        lab.output("app", "tee", "/etc/mine", input=word)
        lab.output("app", "s6-setuidgid", "www-data", "tee", f"{DATA}/mine", input=word)

    change("before")
    vps(lab, "snapshot", "app", "good")
    assert "good" in refused(lab, "snapshot", "app", "good")
    change("after")
    lab.output("app", "touch", "/etc/new")
    lab.output("app", "tee", "-a", "/srv/app/app.py", input="# by hand\n")
    for _ in range(2):
        vps(lab, "restore", "app", "good")
        assert lab.output("app", "cat", "/etc/mine", f"{DATA}/mine") == "beforebefore"
        assert lab.exec("app", "test", "-e", "/etc/new").status == 1
        assert lab.must("plan", "--json").json == {
            "lab": lab.name, "changes": [], "drift": [], "replaces": "",
        }  # fmt: skip
        change("again")
    assert [s["name"] for s in json.loads(vps(lab, "snapshot", "app", "--list", "--json").out)] == [
        "good"
    ]
    vps(lab, "snapshot", "app", "--delete", "good")
    assert "no snapshot 'good'" in refused(lab, "restore", "app", "good")
    container = lab.inspect("app")["Id"]
    lab.must("up")
    assert lab.inspect("app")["Id"] == container
    assert failed_checks(lab) == set()


@contextmanager
def otherwise(lab: OwnLab, machine: str, definition: str) -> Iterator[None]:
    """A machine as somebody makes it by hand, and as ``up`` mends it."""
    compose = lab.home.state / lab.name / "compose.yaml"
    more = lab.write("otherwise.yaml", f"services: {{{machine}: {definition}}}\n")
    words = ["docker", "compose", "-f", str(compose), "-f", str(more), "up", "-d", "--no-deps"]
    ran = run([*words, machine])
    assert ran.status == 0, ran.said
    eventually(lambda: lab.labctl("status").status == 0)
    yield
    (change,) = lab.plan("--json").json["changes"]
    assert (change["machine"], change["action"]) == (machine, "recreate")
    lab.must("up")
    assert failed_checks(lab) == set()


def test_a_server_that_may_listen_in_is_found(lab: OwnLab) -> None:
    with otherwise(lab, "www", "{cap_add: [NET_RAW]}"):
        assert failed_checks(lab) == {"no server can read its neighbours' traffic"}


def test_data_that_is_on_no_disk_of_its_own_is_found(lab: OwnLab) -> None:
    with otherwise(lab, "app", f'{{volumes: ["/tmp:{DATA}"]}}'):
        assert failed_checks(lab) == {"no server can store more than its disk holds"}


@pytest.mark.parametrize(
    ("lifted", "check"),
    [
        ({"Memory": 2**30, "MemorySwap": 2**30}, "no server can use more memory than it has"),
        ({"PidsLimit": 5000}, "no server can run more processes than it may"),
        ({"NanoCpus": 1_500_000_000}, "no server can take more processors than it has"),
    ],
    ids=["memory", "processes", "processors"],
)
def test_a_lifted_limit_is_found(lab: OwnLab, lifted: dict[str, int], check: str) -> None:
    machine, api = lab.container("resolver"), lab.client.api
    host = lab.inspect("resolver")["HostConfig"]

    def update(values: dict[str, int]) -> None:
        url = f"{api.base_url}/containers/{machine}/update"
        assert api.post(url, json=values).status_code == 200

    update(lifted)
    try:
        assert failed_checks(lab) == {check}
    finally:
        update({name: host[name] for name in lifted})
    assert failed_checks(lab) == set()


def test_an_isolation_that_the_engine_lacks_is_refused_before_anything_is_made(
    fresh: Labs,
) -> None:
    lab = fresh("hello")
    offered = lab.client.info()["Runtimes"]
    lacking = next(name for name in ("kata", "runsc", "sysbox") if name not in str(offered))
    text = (lab.folder / "lab.yml").read_text()
    lab.write("lab.yml", f"{text}\nplatforms: {{vps: {{isolation: {lacking}}}}}\n")
    ran = lab.up()
    assert ran.status == 1
    assert f"does not offer the isolation '{lacking}'" in ran.err
    assert lab.left() == {}


def test_another_platform_has_no_provider(home: Home, fresh: Labs) -> None:
    lab = fresh("hello")
    text = (lab.folder / "lab.yml").read_text()
    lab.write("lab.yml", f"platform: bare-metal\n{text}")
    ran = home.labctl("vps", "list", str(lab.folder))
    assert ran.status == 2
    assert "is on bare-metal: only the servers of vps have a provider" in ran.err
